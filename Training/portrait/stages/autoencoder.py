"""The tiny autoencoder, whose latents everything else uses, and the full one on those latents.

The published model has it the other way about. Here the tiny form comes first because it is without
group norms and learns several times faster, which is what two cores in two hours allow.
"""
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from .. import training
from ..faces.dataset import Faces
from ..networks.autoencoders import VAE, TinyAutoencoder


def crops(faces: Faces, random: np.random.Generator, count: int, side: int) -> np.ndarray:
    """Squares of pictures, mostly of what is within the face."""
    out = np.empty((count, side, side, 3), np.uint8)
    for i in range(count):
        person, row = random.integers(faces.ready), random.integers(faces.each)
        m = faces.motions[person, row]
        centre = (m[3:5] * .5 + .5) * faces.size + random.normal(0, 18, 2)
        if random.uniform() < .3:
            centre = random.uniform(0, faces.size, 2)
        x, y = np.clip((centre - side / 2).astype(int), 0, faces.size - side)
        out[i] = faces.pictures[person, row, y:y + side, x:x + side]
    return out


def sample(faces: Faces, random: np.random.Generator, progress: float, options: dict) -> np.ndarray:
    """Crops; whole pictures in the last part, since group norms see as much as there is."""
    whole = progress > options.get("whole_after", .7)
    count = max(1, options["batch"] * options["crop"] ** 2 // faces.size ** 2)
    if not whole:
        return crops(faces, random, options["batch"], options["crop"])
    people = random.integers(0, faces.ready, count)
    return faces.pictures[people, random.integers(0, faces.each, count)]


def difference(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """How unlike pictures are: their pixels, and the steps between neighbours."""
    d = a - b
    dx, dy = d[..., 1:] - d[..., :-1], d[..., 1:, :] - d[..., :-1, :]
    return (d.abs().mean() + 2 * d.square().mean()
            + .5 * (dx.abs().mean() + dy.abs().mean()))


def held_out(faces: Faces, count: int = 48) -> torch.Tensor:
    people = np.arange(count) * (faces.people // count)
    return training.to_tensor(faces.pictures[people, np.arange(count) % faces.each])


def train_full(folder: Path, configuration: dict, tiny: TinyAutoencoder, data: Faces, test: Faces,
               options: dict) -> VAE:
    """The Stable Diffusion autoencoder on the tiny one's latents: its encoder learns to give them,
    its decoder to see through them. So either decoder may replace the other."""
    torch.manual_seed(1)
    random = np.random.default_rng(1)
    vae = VAE(configuration["vae"]).to(training.device(), memory_format=torch.channels_last)
    run = training.Run(folder, "vae", {"vae": vae}, rate=options["rate"],
                       seconds=options.get("seconds"), steps=options.get("steps"))
    truth = held_out(test, options.get("held_out", 48))
    with torch.no_grad():
        latents = tiny.encode(truth)

    def loss_of(step):
        x = training.to_tensor(sample(data, random, run.progress, options))
        with torch.no_grad():
            z = tiny.encode(x)
        y = vae.decode(z + options["noise"] * torch.randn_like(z))
        found = vae.encode(x)
        loss = difference(y, x) + .1 * F.mse_loss(found, z)
        return loss, dict(psnr=training.psnr(y.detach(), x),
                          latent=float(F.mse_loss(found.detach(), z)))

    def evaluate(step, models):
        y = models["vae"].decode(latents)
        training.grid([[*training.to_bytes(truth[:8])], [*training.to_bytes(y[:8])]],
                      folder / f"vae-{step}.png")
        return dict(psnr=training.psnr(y, truth),
                    latent=float(F.mse_loss(models["vae"].encode(truth), latents)))

    return run.loop(loss_of, evaluate)["vae"].eval()


def train_tiny(folder: Path, configuration: dict, data: Faces, test: Faces,
               options: dict) -> TinyAutoencoder:
    """TAESD's form, encoder and decoder together."""
    torch.manual_seed(2)
    random = np.random.default_rng(2)
    tiny = TinyAutoencoder(configuration["taesd"], configuration["vae"]["latent_channels"])
    tiny.begin_as_resampler()
    tiny = tiny.to(training.device(), memory_format=torch.channels_last)
    run = training.Run(folder, "tiny", {"taesd": tiny}, rate=options["rate"],
                       seconds=options.get("seconds"), steps=options.get("steps"))
    truth = held_out(test, options.get("held_out", 48))

    def loss_of(step):
        x = training.to_tensor(sample(data, random, run.progress, options))
        z = tiny.encode(x)
        # Latents keep unit size and mean 0 in every channel; a little noise does not change them.
        size = (z.mean((0, 2, 3)).square() + (z.std((0, 2, 3)) - 1).square()).mean()
        y = tiny.decode(z + options["noise"] * torch.randn_like(z))
        loss = difference(y, x) + .03 * size
        return loss, dict(psnr=training.psnr(y.detach(), x), size=float(size.detach()))

    def evaluate(step, models):
        y = models["taesd"].decode(models["taesd"].encode(truth))
        training.grid([[*training.to_bytes(truth[:8])], [*training.to_bytes(y[:8])]],
                      folder / f"tiny-{step}.png")
        return dict(psnr=training.psnr(y, truth))

    return run.loop(loss_of, evaluate, every=options.get("every", 120))["taesd"].eval()
