"""The tiny autoencoder, whose latents everything else uses, and the full one on those latents.

The published model has it the other way about. Here the tiny form comes first because it is without
group norms and learns several times faster, which is what two cores in two hours allow.
"""
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from .. import geometry, training
from ..faces.dataset import Faces
from ..networks.autoencoders import VAE, TinyAutoencoder
from .regions import face_weights


class Crops:
    """Squares of pictures, mostly of what is within the face, and how much each pixel counts."""

    def __init__(self, faces: Faces, seed: list[int], options: dict):
        self.faces, self.options = faces, options
        self.random = np.random.default_rng(seed)
        self.rest = faces.rest
        self.motions = torch.from_numpy(faces.motions)

    def __call__(self, progress: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Whole pictures in the last part, since group norms see as much as there is."""
        o, size = self.options, self.faces.size
        side = size if progress > o.get("whole_after", .7) else o["crop"]
        count = max(1, o["batch"] * o["crop"] ** 2 // side ** 2)
        people = self.random.integers(0, self.faces.ready, count)
        rows = self.random.integers(0, self.faces.each, count)
        motions = self.motions[people, rows]
        points = geometry.of_motion(self.rest[people], motions)
        weights = face_weights(points, motions, size, o.get("face_weight", 0))
        pictures = np.empty((count, side, side, 3), np.uint8)
        seen = torch.empty(count, 1, side, side)
        for i in range(count):
            x, y = self._corner(motions[i].numpy(), side)
            pictures[i] = self.faces.pictures[people[i], rows[i], y:y + side, x:x + side]
            seen[i] = weights[i, :, y:y + side, x:x + side]
        return training.to_tensor(pictures), seen.to(training.device())

    def _corner(self, motion: np.ndarray, side: int) -> np.ndarray:
        size = self.faces.size
        centre = (motion[3:5] * .5 + .5) * size + self.random.normal(0, 18, 2)
        if self.random.uniform() < .3:
            centre = self.random.uniform(0, size, 2)
        return np.clip((centre - side / 2).astype(int), 0, size - side)


def difference(a: torch.Tensor, b: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """How unlike pictures are: their pixels, and the steps between neighbours, weighted."""
    d = a - b
    dx, dy = d[..., 1:] - d[..., :-1], d[..., 1:, :] - d[..., :-1, :]
    return ((w * d.abs()).mean() + 2 * (w * d.square()).mean()
            + .5 * ((w[..., 1:] * dx.abs()).mean() + (w[..., 1:, :] * dy.abs()).mean()))


def held_out(faces: Faces, count: int = 48) -> torch.Tensor:
    people = np.arange(count) * (faces.people // count)
    return training.to_tensor(faces.pictures[people, np.arange(count) % faces.each])


def train_full(folder: Path, configuration: dict, tiny: TinyAutoencoder, data: Faces, test: Faces,
               options: dict) -> VAE:
    """The Stable Diffusion autoencoder on the tiny one's latents: its decoder learns to see through
    them, so that either decoder may replace the other. Its encoder learns to give them, but only
    where it is what encodes portraits."""
    torch.manual_seed(1)
    vae = VAE(configuration["vae"]).to(training.device(), memory_format=torch.channels_last)
    encodes = configuration["portrait_encoder"] == "vae"
    for part in (vae.encoder, vae.quant_conv):
        part.requires_grad_(encodes)
    run = training.Run(folder, "vae", {"vae": vae}, rate=options["rate"],
                       **training.run_options(options))
    sample = Crops(data, [1, run.step], options)
    truth = held_out(test, options.get("held_out", 48))
    with torch.no_grad():
        latents = tiny.encode(truth)

    def loss_of(step):
        x, w = sample(run.progress)
        with torch.no_grad():
            z = tiny.encode(x)
        y = vae.decode(z + options["noise"] * torch.randn_like(z))
        loss, numbers = difference(y, x, w), dict(psnr=training.psnr(y.detach(), x))
        if encodes:
            unlike = F.mse_loss(vae.encode(x), z)
            loss, numbers["latent"] = loss + .1 * unlike, float(unlike.detach())
        return loss, numbers

    def evaluate(step, models):
        y = models["vae"].decode(latents)
        training.grid([[*training.to_bytes(truth[:8])], [*training.to_bytes(y[:8])]],
                      folder / f"vae-{step}.png")
        return dict(psnr=training.psnr(y, truth))

    return run.loop(loss_of, evaluate)["vae"].eval()


def train_tiny(folder: Path, configuration: dict, data: Faces, test: Faces,
               options: dict) -> TinyAutoencoder:
    """TAESD's form, encoder and decoder together."""
    torch.manual_seed(2)
    tiny = TinyAutoencoder(configuration["taesd"], configuration["vae"]["latent_channels"])
    tiny.begin_as_resampler()
    return _train_tiny(folder, "tiny", tiny, data, test, options)


def train_decoder(folder: Path, tiny: TinyAutoencoder, data: Faces, test: Faces,
                  options: dict) -> TinyAutoencoder:
    """Its decoder alone, on, once other networks have begun to learn from its latents."""
    torch.manual_seed(8)
    tiny.requires_grad_(True).encoder.requires_grad_(False)
    return _train_tiny(folder, "decoder", tiny, data, test, options)


def _train_tiny(folder: Path, name: str, tiny: TinyAutoencoder, data: Faces, test: Faces,
                options: dict) -> TinyAutoencoder:
    tiny = tiny.to(training.device(), memory_format=torch.channels_last)
    run = training.Run(folder, name, {"taesd": tiny}, rate=options["rate"],
                       **training.run_options(options))
    sample = Crops(data, [2, run.step], options)
    truth = held_out(test, options.get("held_out", 48))

    def loss_of(step):
        x, w = sample(run.progress)
        z = tiny.encode(x)
        # Latents keep unit size and mean 0 in every channel; a little noise does not change them.
        size = (z.mean((0, 2, 3)).square() + (z.std((0, 2, 3)) - 1).square()).mean()
        y = tiny.decode(z + options["noise"] * torch.randn_like(z))
        loss = difference(y, x, w) + .03 * size
        return loss, dict(psnr=training.psnr(y.detach(), x), size=float(size.detach()))

    def evaluate(step, models):
        y = models["taesd"].decode(models["taesd"].encode(truth))
        training.grid([[*training.to_bytes(truth[:8])], [*training.to_bytes(y[:8])]],
                      folder / f"{name}-{step}.png")
        return dict(psnr=training.psnr(y, truth))

    return run.loop(loss_of, evaluate, every=options.get("every", 120))["taesd"].eval()
