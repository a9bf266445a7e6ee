"""The demo's portrait and driving video: two held-out people, rendered, with a voice."""
import subprocess
import wave
from pathlib import Path

import numpy as np

from .faces import identity, motion, renderer

HELD_OUT_SEED, PORTRAIT, DRIVER = 77, 26, 15
RATE, SOUND_RATE = 25, 24000


def driving_motion(seconds: float) -> np.ndarray:
    """Talks, looks about, blinks, smiles; begins at rest."""
    random = np.random.default_rng(42)
    m = motion.sequence(random, int(seconds * RATE), RATE)
    start = np.linspace(0, 1, RATE)[:, None]
    first = motion.rest(np.random.default_rng(5))
    first[:3] = 0
    begin = np.clip(start * 1.5 - .5, 0, 1)
    m[:RATE] = first * (1 - begin) + m[:RATE] * begin
    m[:, 5] = .68
    return m.astype(np.float32)


def voice(opening: np.ndarray) -> np.ndarray:
    """A hum with three formants that follow the mouth, as 16-bit samples."""
    count = len(opening) * SOUND_RATE // RATE
    t = np.arange(count) / SOUND_RATE
    o = np.interp(t * RATE, np.arange(len(opening)), opening)
    pitch = 150 + 18 * np.sin(2 * np.pi * .7 * t) + 10 * np.sin(2 * np.pi * 2.3 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / SOUND_RATE
    sound = np.zeros(count)
    for harmonic in range(1, 22):
        f = harmonic * pitch
        gain = sum(a * np.exp(-((f - centre) / width) ** 2) for a, centre, width in (
            (1, 350 + 450 * o, 130), (.6, 1100 + 500 * o, 180), (.25, 2600, 250)))
        sound += gain * np.sin(harmonic * phase)
    sound *= np.clip(o * 2.2, 0, 1) * .25
    return (np.clip(sound, -1, 1) * 32767).astype(np.int16)


def make(folder: str | Path, seconds: float = 12, size: int = 256) -> None:
    """Writes `portrait.png` and `driving.mp4`."""
    from PIL import Image

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    people = identity.samples(max(PORTRAIT, DRIVER) + 1, HELD_OUT_SEED)
    rest = motion.rest(np.random.default_rng(3))[None]
    rest[0, :6] = [4, 0, 0, 0, .06, .7]
    Image.fromarray(renderer.render(people[PORTRAIT][None], rest, size)[0]).save(
        folder / "portrait.png")
    m = driving_motion(seconds)
    frames = renderer.render(np.repeat(people[DRIVER][None], len(m), 0), m, size)
    sound = folder / "voice.wav"
    with wave.open(str(sound), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SOUND_RATE)
        file.writeframes(voice(m[:, motion.INDEX["open"]]).tobytes())
    subprocess.run(
        ["ffmpeg", "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s",
         f"{size}x{size}", "-r", str(RATE), "-i", "-", "-i", str(sound), "-c:v", "libx264",
         "-crf", "20", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "64k", "-shortest",
         "-movflags", "+faststart", str(folder / "driving.mp4")],
        input=frames.tobytes(), check=True)
    sound.unlink()
