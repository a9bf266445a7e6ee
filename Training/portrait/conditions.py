"""What the denoiser is told, worked out exactly from the renderer's numbers.

The small model's motion tokens and image token have a meaning that is given beforehand: its motion
encoder and its image encoder learn to read it from pictures, and its denoiser learns to paint it,
each by itself. The published model learns both ends together instead.
"""
import torch
import torch.nn.functional as F

from .faces import identity, motion
from .networks.parts import waves

COUNT = len(motion.EXPRESSION)
# Each token says everything, and its own part of the face loudest: eyes, gaze and brows, mouth, all.
LOUD = [[0, 1], [2, 3, 4, 5], [6, 7, 8], []]
CLIP_MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])
CLIP_DEVIATION = torch.tensor([0.26862954, 0.26130258, 0.27577711])


def expressions(motions: torch.Tensor) -> torch.Tensor:
    """The nine numbers of an expression, each in -1...1."""
    e = motions[:, motion.EXPRESSIONS]
    low = torch.tensor(motion.LOW, device=e.device)
    return (e - low) / (1 - low) * 2 - 1


def visible(motions: torch.Tensor) -> torch.Tensor:
    """Which of the nine can be seen, `[n, 9]`: a gaze only where an eye is open."""
    seen = torch.ones(len(motions), COUNT, dtype=torch.bool, device=motions.device)
    seen[:, 2:4] = (motions[:, 6:8].amin(1) < .6)[:, None]
    return seen


def gains(device=None) -> torch.Tensor:
    g = torch.full((len(LOUD), COUNT), .7, device=device)
    for token, loud in enumerate(LOUD):
        g[token, loud] = 2.0
    g[-1] = 1.2
    return g


def tokens(e: torch.Tensor, width: int = 16) -> torch.Tensor:
    """Motion tokens `[n, 4, 16]` of expressions `[n, 9]`, the table of positions included."""
    left, right, gx, gy, up, tilt, opening, wide, smile = e.unbind(1)
    products = torch.stack([
        left * left, right * right, opening * opening, opening * wide, opening * smile,
        wide * smile, up * tilt], 1)
    said = e[:, None, :] * gains(e.device)
    more = products[:, None, :].expand(-1, len(LOUD), -1)
    table = waves(len(LOUD), width // 2).to(e.device)
    return torch.cat([said, more], 2) + table


def read(tokens: torch.Tensor) -> torch.Tensor:
    """The expressions that motion tokens say."""
    table = waves(len(LOUD), tokens.shape[2] // 2).to(tokens.device)
    said = (tokens - table)[:, :, :COUNT]
    g = gains(tokens.device)
    return (said * g).sum(1) / g.square().sum(0)


def image_tokens(identities: torch.Tensor, width: int) -> torch.Tensor:
    """What the image token is to say of people, `[n, width]`."""
    known = torch.from_numpy(identity.attributes(identities.cpu().numpy()))
    return F.pad(known, (0, width - known.shape[1])).to(identities.device)


def image_input(images: torch.Tensor, size: int) -> torch.Tensor:
    """Pictures in -1...1 as the image encoder wants them (bytes are not rounded in between)."""
    small = F.interpolate(images, (size, size), mode="bicubic", antialias=True,
                          align_corners=False)
    mean, deviation = CLIP_MEAN.to(images.device), CLIP_DEVIATION.to(images.device)
    return (small.clamp(-1, 1) / 2 + .5 - mean[:, None, None]) / deviation[:, None, None]
