"""What stage 2 asks of pictures: pixels, looks, a critic, and the expression that is read in them."""
from pathlib import Path

import torch
import torch.nn.functional as F

from .. import geometry, training
from ..critics import Critic, Discriminator, PatchDiscriminator, Perceptual
from .regions import face_weights


def alike(make):
    """A network that begins the same in every process."""
    with torch.random.fork_rng():
        torch.manual_seed(13)
        return make().to(training.device())


@torch.no_grad()
def seen_in_pixels(decoder, latents: torch.Tensor, share: float) -> torch.Tensor:
    """A matrix that turns errors of latents into ones whose squares are about those of pixels.

    What a decoder makes of an error differs tenfold between a latent's channels and their mixtures:
    brightness counts most. Found by disturbing `latents` in cells of 2 x 2; 1 - share of the result
    is plain, so that no channel is forgotten. Its mean square is 1.
    """
    n, channels, h, w = latents.shape
    signs = torch.randint(0, 2, (n, 1, h // 2, w // 2), device=latents.device) * 2.0 - 1
    signs = F.interpolate(signs, (h, w))
    plain, size = decoder.decode(latents), .2
    changes = []
    for channel in range(channels):
        disturbed = latents.clone()
        disturbed[:, channel:channel + 1] += size * signs
        changes.append((decoder.decode(disturbed) - plain).flatten())
    changes = torch.stack(changes)
    metric = changes @ changes.T
    metric = share * metric / metric.diagonal().mean() + (1 - share) * torch.eye(
        channels, device=metric.device)
    values, vectors = torch.linalg.eigh(metric)
    return vectors * values.sqrt() @ vectors.T


class PictureLosses:
    """Of some of the frames of a batch, decoded. Options that are absent cost nothing."""

    def __init__(self, folder: Path, name: str, configuration: dict, decoder, encoder, pictures,
                 options: dict):
        self.decoder, self.encoder, self.pictures, self.options = decoder, encoder, pictures, options
        self.side = configuration["motion_encoder"]["input_size"]
        self.looks = self.critic = None
        if options.get("perceptual"):
            self.looks = (Perceptual.of_vgg(options["vgg"]) if "vgg" in options
                          else Perceptual.of_autoencoder(decoder)).to(training.device())
        if options.get("adversarial"):
            judge = alike(lambda: Discriminator(
                9, configuration["image_size"], options.get("critic_width", 16)))
            self.critic = Critic(folder / f"{name}-critic.pt", judge,
                                 options.get("critic_rate", 5e-4))

    def __call__(self, x0: torch.Tensor, batch: dict, _) -> tuple[torch.Tensor, dict]:
        o = self.options
        each = len(x0) // len(batch["pictures"])
        chosen = torch.randperm(len(x0))[:o["decoded"]]
        people, rows = (index[chosen.numpy()] for index in batch["rows"])
        truth = training.to_tensor(self.pictures[people, rows])
        with training.half_precision(o["half"]):
            made = self.decoder.decode(x0[chosen].float()).float()
        points, motions = batch["points"][chosen], batch["motions"][chosen]
        w = F.interpolate(face_weights(points, motions, 32, o["face_weight"] / 2), truth.shape[2:],
                          mode="bilinear")
        pixels = (w * (made - truth).abs()).mean() + (w * (made - truth).square()).mean()
        numbers = dict(pixels=pixels)
        if self.looks:
            numbers["perceptual"] = self.looks(made, truth)
        if o.get("expression"):
            numbers["expression"] = self._expression(made, truth, points)
        if self.critic:
            context = torch.cat([batch["pictures"][chosen // each] / 2,
                                 geometry.canvases(points, truth.shape[-1])], 1)
            judged = self.critic.learn(made, truth, context)
            numbers["adversarial"] = self.critic.loss(made, context)
        loss = sum(o.get({"pixels": "pixel"}.get(name, name), 0) * value
                   for name, value in numbers.items())
        numbers = {name: float(value.detach()) for name, value in numbers.items()}
        return loss, numbers | (judged if self.critic else {})

    def _expression(self, made, truth, points) -> torch.Tensor:
        """How differently the motion encoder reads the two."""
        box = geometry.boxes(points, truth.shape[2])
        found = self.encoder(geometry.cropped(made, box, self.side))
        with torch.no_grad():
            wanted = self.encoder(geometry.cropped(truth, box, self.side))
        return F.smooth_l1_loss(found, wanted, beta=.3)

    def save(self) -> None:
        if self.critic:
            self.critic.save()


class LatentCritic:
    """A critic of patches of latents, nearly free: it sees the portrait's and where the face is.

    Its gradient is made `judged` times as large as that of the loss so far, and less the less it
    can tell: at first it only guesses, and what it says is noise.
    """

    def __init__(self, folder: Path, name: str, configuration: dict, options: dict):
        channels = configuration["unet"]["latent_channels"]
        judge = alike(lambda: PatchDiscriminator(
            2 * channels + 3, options.get("critic_width", 64)))
        self.critic = Critic(folder / f"{name}-latent-critic.pt", judge,
                             options.get("critic_rate", 5e-4), penalty=.003)
        self.edge = 0.0  # of what it judges, so much more than half is right
        self.weight, self.size = options["judged"], configuration["image_size"]
        self.save = self.critic.save

    def __call__(self, x0: torch.Tensor, batch: dict, so_far: torch.Tensor):
        each = len(x0) // len(batch["portrait"])
        where = F.adaptive_avg_pool2d(geometry.canvases(batch["points"], self.size), x0.shape[2:])
        context = torch.cat([batch["portrait"].repeat_interleave(each, 0), 4 * where], 1)
        numbers = self.critic.learn(x0, batch["target"], context)
        loss = self.critic.loss(x0, context)
        sizes = [torch.autograd.grad(part, x0, retain_graph=True)[0].norm()
                 for part in (so_far, loss)]
        right = numbers["critic_yes"] + numbers["critic_no"] - 1
        self.edge += .05 * (right - self.edge)
        weight = self.weight * max(0.0, self.edge) * sizes[0] / (sizes[1] + 1e-9)
        return weight * loss, dict(judged=float(loss.detach()), **numbers)
