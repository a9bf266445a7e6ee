"""Micro-chunk streaming as the runtime does it: stage 3 learns in it, the evaluation measures it."""
import torch

from . import geometry, schedule

KEYFRAMES, FIRST_CALL = 3, 9  # at most so many, looked for from the tenth chunk on


class Window:
    """Chunks at four noise levels: each step adds one of pure noise and finishes the oldest."""

    def __init__(self, painter, latent: torch.Tensor, token: torch.Tensor, *,
                 chunk: int | None = None, temporal: bool = True, generator=None):
        c = painter.configuration
        self.painter, self.latent, self.token, self.temporal = painter, latent, token, temporal
        self.chunk = chunk or c["frames_per_chunk"]
        self.generator = generator
        levels = torch.tensor(schedule.TIMESTEPS[::-1]).repeat_interleave(self.chunk)
        self.levels = levels.to(latent.device)
        with torch.no_grad():
            self.banks = [painter.banks(latent, token)]
        self.x = self._noised(self.levels[:-self.chunk])

    def __len__(self) -> int:
        return len(self.levels)

    @property
    def lead(self) -> int:
        """Frames that lead in from the portrait."""
        return len(self) - self.chunk

    def _noised(self, levels: torch.Tensor) -> torch.Tensor:
        noise = torch.randn(len(levels), *self.latent.shape[1:], generator=self.generator)
        copies = self.latent.expand(len(levels), -1, -1, -1)
        return schedule.add_noise(copies, noise.to(copies.device), levels)

    def step(self, points: torch.Tensor, motion: torch.Tensor):
        """The window's poses and tokens, to its clean estimates and the finished chunk."""
        x = torch.cat([self.x, self._noised(self.levels[-self.chunk:])])
        x0 = self.painter.clean(
            x, self.levels, self.token, motion, self.painter.pose(points), self.banks,
            frames=len(self), temporal=self.temporal)
        moved = schedule.step(x, x0, self.levels).detach()
        self.x = moved[self.chunk:]
        return x0, moved[:self.chunk]

    @torch.no_grad()
    def look_at(self, latent: torch.Tensor) -> None:
        """A finished frame becomes a historical keyframe."""
        if len(self.banks) <= KEYFRAMES:
            self.banks.append(self.painter.banks(latent, self.token))


def led_in(rest: torch.Tensor, portrait: torch.Tensor, motions: torch.Tensor,
           portrait_tokens: torch.Tensor, tokens: torch.Tensor, lead: int):
    """Key points, tokens and motions of frames after `lead` ones that glide there from the portrait.

    Angles, place, size and tokens are interpolated, key points follow (paper, section 3.3).
    """
    ramp = torch.arange(lead)[:, None] / max(lead, 1)
    glide = torch.cat([portrait * (1 - ramp) + motions[0] * ramp, motions])
    ramp = ramp[..., None]
    said = torch.cat([portrait_tokens * (1 - ramp) + tokens[0] * ramp, tokens])
    return geometry.of_motion(rest.expand(len(glide), -1, -1), glide), said, glide


@torch.no_grad()
def stream(painter, latent, token, rest, portrait, motions, portrait_tokens, tokens, *,
           keyframes: bool = True, interpolated: bool = True, chunk: int | None = None,
           temporal: bool = True, seed: int = 42) -> torch.Tensor:
    """Finished latents of all frames, as the runtime would give them."""
    window = Window(painter, latent, token, chunk=chunk, temporal=temporal,
                    generator=torch.Generator().manual_seed(seed))
    lead = window.lead if interpolated else 0
    points, said, _ = led_in(rest, portrait, motions, portrait_tokens, tokens, lead)
    missing = -len(points) % window.chunk + window.lead
    points = torch.cat([points, points[-1:].expand(missing, -1, -1)])
    said = torch.cat([said, said[-1:].expand(missing, -1, -1)])
    remembered = [portrait_tokens[0]]
    finished = []
    for call, at in enumerate(range(0, len(points) - len(window) + 1, window.chunk)):
        rows = slice(at, at + len(window))
        out = window.step(points[rows].to(latent.device), said[rows].to(latent.device))[1]
        finished.append(out)
        if keyframes and call >= FIRST_CALL and len(window.banks) <= KEYFRAMES:
            distance = min(float((said[at] - one).norm()) for one in remembered)
            if distance > painter.configuration["keyframe_threshold"]:
                remembered.append(said[at])
                window.look_at(out[:1])
    return torch.cat(finished)[lead:lead + len(motions)]
