"""The noise schedule, and the steps of a chunk from noise to a picture."""
import torch

TIMESTEPS = [999, 666, 333, 0]  # in the order of a rollout
STEP = 333


def cumulative_alphas() -> torch.Tensor:
    betas = torch.linspace(.00085 ** .5, .02 ** .5, 1000).square()
    return (1 - betas).double().cumprod(0).float()


ALPHAS = cumulative_alphas()


def _alpha(timesteps: torch.Tensor) -> torch.Tensor:
    found = ALPHAS.to(timesteps.device)[timesteps.clamp(min=0)]
    return torch.where(timesteps < 0, torch.ones_like(found), found)[:, None, None, None]


def add_noise(x: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
    a = _alpha(timesteps)
    return a.sqrt() * x + (1 - a).sqrt() * noise


def signal_to_noise(timesteps: torch.Tensor) -> torch.Tensor:
    """Squares of an error in the clean latent times this are those in the noise."""
    a = _alpha(timesteps)
    return a / (1 - a)


def beginning(portraits: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """What a frame begins as, like the runtime's: its portrait's latent under all of the noise."""
    t = torch.full((len(noise),), TIMESTEPS[0], device=noise.device)
    return add_noise(portraits.repeat_interleave(len(noise) // len(portraits), 0), noise, t)


def clean(x: torch.Tensor, estimate: torch.Tensor, timesteps: torch.Tensor,
          prediction: str) -> torch.Tensor:
    """What a network's estimate says of the clean latent."""
    if prediction == "x0":
        return estimate
    a = _alpha(timesteps)
    return (x - (1 - a).sqrt() * estimate) / a.sqrt()


def step(x: torch.Tensor, x0: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
    """One noise level down, without fresh noise (DDIM, eta 0)."""
    a, before = _alpha(timesteps), _alpha(timesteps - STEP)
    noise = (x - a.sqrt() * x0) / (1 - a).sqrt()
    return before.sqrt() * x0 + (1 - before).sqrt() * noise
