"""Says every 15 seconds how far something long has come, and how long the rest will take."""
import time


class Progress:
    def __init__(self, what: str, total: int, done: int = 0):
        self.what, self.total, self.before = what, total, done
        self.began = self.told = time.monotonic()

    def tell(self, done: int) -> None:
        now = time.monotonic()
        if now - self.told < 15 or done <= self.before:
            return
        self.told = now
        left = (now - self.began) * (self.total - done) / (done - self.before)
        print(f"{self.what}: {done} of {self.total}, {left / 60:.1f} min left", flush=True)
