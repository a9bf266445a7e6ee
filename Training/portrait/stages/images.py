"""Stage 1, hybrid motion control, and stage 2, few-step appearance distillation: single images.

The portrait is one picture of a person and the targets are others, in pairs that differ in
expression alone. A batch has few portraits with several targets each, since what is read out of a
portrait serves them all.
"""
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from .. import conditions, geometry, schedule, training
from ..faces.dataset import Faces
from ..faces.renderer import rest_keypoints
from ..latents import Latents
from ..portraits import Painter

TARGETS = 4


class Pairs:
    """Portraits with targets of the same people."""

    def __init__(self, faces: Faces, latents: Latents, seed: int):
        self.faces, self.latents = faces, latents
        self.random = np.random.default_rng(seed)
        self.rest = torch.from_numpy(rest_keypoints(faces.identities))
        self.motions = torch.from_numpy(faces.motions)

    def choose(self, count: int):
        people = self.random.integers(0, self.latents.ready, count)
        portraits = np.where(self.random.uniform(size=count) < .6, self.random.integers(0, 2, count),
                             self.random.integers(0, self.faces.each, count))
        pairs = np.stack([self.random.permutation(self.faces.each // 2)[:TARGETS // 2]
                          for _ in range(count)]) * 2
        return people, portraits, np.concatenate([pairs, pairs + 1], 1)

    def __call__(self, count: int) -> dict:
        return self.at(*self.choose(count))

    def at(self, people: np.ndarray, portraits: np.ndarray, targets: np.ndarray) -> dict:
        d, wide = training.device(), np.repeat(people, targets.shape[1])
        flat = targets.reshape(-1)
        motions, rest = self.motions[wide, flat], self.rest[wide]
        return dict(
            portrait=torch.from_numpy(self.latents.values[people, portraits]).float().to(d),
            target=torch.from_numpy(self.latents.values[wide, flat]).float().to(d),
            pictures=training.to_tensor(self.faces.pictures[people, portraits]), motions=motions.to(d),
            points=geometry.of_motion(rest, motions).to(d),
            people=people, portraits=portraits, rows=(wide, flat))

    def held_out(self, count: int) -> dict:
        people = np.arange(count) % min(self.faces.people, self.latents.ready)
        return self.at(people, np.zeros(count, int), np.tile([2, 3, 4, 5], (count, 1)))


def face_weights(points: torch.Tensor, motions: torch.Tensor, side: int,
                 weight: float) -> torch.Tensor:
    """1 + weight near eyes, brows and mouth, `[n, 1, side, side]`, of mean 1."""
    mouth = points[:, 16:20, :2].mean(1)
    mouth = mouth + torch.stack([0 * motions[:, 12], .04 * motions[:, 12]], 1)
    brows = points[:, [9, 10], :2] * .35 + points[:, [1, 2], :2] * .65
    centres = torch.cat([brows, mouth[:, None]], 1)  # [n, 3, 2]
    cells = (torch.arange(side, device=points.device) + .5) / side * 2 - 1
    dx = cells[None, None, None, :] - centres[..., 0, None, None]
    dy = cells[None, None, :, None] - centres[..., 1, None, None]
    near = torch.exp(-(dx.square() + dy.square()) / (2 * .13 ** 2)).amax(1, keepdim=True)
    w = 1 + weight * near
    return w / w.mean()


def conditioned(painter: Painter, batch: dict, options: dict, jitter: bool = True) -> dict:
    """What the denoiser is given for a batch."""
    token = painter.token(batch["pictures"])
    e, points = conditions.expressions(batch["motions"]), batch["points"]
    motion = conditions.tokens(e)
    if jitter:  # encoder and extractor will be a little wrong
        motion = motion + .06 * torch.randn_like(motion)
        shift = .012 * torch.randn(len(points), 1, 3) + .006 * torch.randn(len(points), 21, 3)
        points = points + shift.to(points.device)
    banks = painter.banks(batch["portrait"], token)
    return dict(token=token, motion=motion, pose=painter.pose(points), banks=[banks])


def stage_options(options: dict, name: str) -> dict:
    return {k: options[k] for k in ("seconds", "steps", "warmup", "average", "decay")
            if k in options}


class Gates:
    """Latent errors on held-out people, with every control."""

    def __init__(self, held: Pairs, count: int):
        self.batch = held.held_out(count)

    @torch.no_grad()
    def __call__(self, painter: Painter, half: bool) -> dict:
        b = self.batch
        noise = torch.randn(b["target"].shape, generator=torch.Generator().manual_seed(0))
        noise = noise.to(b["target"].device)
        c = conditioned(painter, b, {}, jitter=False)
        mean = b["target"].mean(0, keepdim=True)
        numbers = dict(mean_picture=self._error(mean.expand_as(b["target"])))
        copied = b["portrait"].repeat_interleave(len(noise) // len(b["portrait"]), 0)
        numbers["copied_portrait"] = self._error(copied)

        def error(steps=1, **changed):
            with training.half_precision(half):
                return self._error(painter.rollout(noise, steps, **(c | changed)))

        for steps in (1, 2, 3, 4):
            numbers[f"step_{steps}"] = error(steps)
        whole = numbers["step_4"]
        other = torch.arange(len(noise)).roll(5)
        numbers["tokens_shuffled"] = error(4, motion=c["motion"][other]) - whole
        numbers["pose_shuffled"] = error(4, pose=c["pose"][other]) - whole
        banks = [[bank.roll(1, 0) for bank in c["banks"][0]]]
        numbers["banks_shuffled"] = error(4, banks=banks) - whole
        numbers["portrait_shuffled"] = error(4, banks=banks, token=c["token"].roll(1, 0)) - whole
        return numbers

    def _error(self, x0: torch.Tensor) -> float:
        return float(F.mse_loss(x0.float(), self.batch["target"]))


def train(folder: Path, configuration: dict, painter: Painter, pairs: Pairs, held: Pairs,
          options: dict, name: str, decoder=None, encoder=None, show=None) -> Painter:
    """Stage 1 when `rollouts` is off: noise is added to the truth. Stage 2 when it is on: the
    denoiser starts from noise and sees its own steps, and pixels and expression count as well."""
    side = configuration["latent_size"]
    for key, value in painter.denoising_unet.named_parameters():
        value.requires_grad_("temporal_modules" not in key)
    run = training.Run(folder, name, {"painter": painter}, rate=options["rate"],
                       **stage_options(options, name))
    gates = Gates(held, options.get("held_out", 24))
    levels = torch.tensor(schedule.TIMESTEPS)
    odds = torch.tensor(options.get("odds", [.64, .12, .12, .12]))

    def loss_of(step):
        batch = pairs(options["portraits"])
        target, n = batch["target"], len(batch["target"])
        with training.half_precision(options["half"]):
            c = conditioned(painter, batch, options)
            if options.get("rollouts"):
                count = int(torch.multinomial(odds, 1)) + 1
                x0 = painter.rollout(torch.randn_like(target), count, **c)
            else:
                t = levels[torch.multinomial(odds, n, replacement=True)].to(target.device)
                x = schedule.add_noise(target, torch.randn_like(target), t)
                x0 = painter.clean(x, t, **c)
        w = face_weights(batch["points"], batch["motions"], side, options["face_weight"])
        error = (x0.float() - target).square()
        loss, numbers = (w * error).mean(), dict(mse=float(error.detach().mean()))
        if decoder is not None:
            more, found = pixel_losses(x0, batch, pairs.faces, decoder, encoder, options)
            loss = loss + more
            numbers |= found
        return loss, numbers

    def evaluate(step, models):
        if show:
            show(models["painter"], folder / f"{name}-{step}.png")
        return gates(models["painter"], options["half"])

    return run.loop(loss_of, evaluate, every=options.get("every", 200))["painter"].eval()


def pixel_losses(x0, batch: dict, faces: Faces, decoder, encoder, options: dict):
    """Of some of the frames: pixels, and what the motion encoder sees in them."""
    n = options["decoded"]
    chosen = torch.randperm(len(x0))[:n]
    people, rows = batch["rows"]
    truth = training.to_tensor(faces.pictures[people[chosen.numpy()], rows[chosen.numpy()]])
    with training.half_precision(options["half"]):
        y = decoder.decode(x0[chosen])
    points, motions = batch["points"][chosen], batch["motions"][chosen]
    w = F.interpolate(face_weights(points, motions, 32, options["face_weight"] / 2),
                      (truth.shape[2], truth.shape[3]), mode="bilinear")
    pixels = (w * (y.float() - truth).abs()).mean()
    loss, numbers = options["pixel"] * pixels, dict(pixels=float(pixels.detach()))
    if options.get("expression"):
        size = encoder.pe.new_zeros(1)
        box = geometry.boxes(points, truth.shape[2])
        side = options["face_size"]
        found = encoder(geometry.cropped(y.float(), box, side))
        with torch.no_grad():
            wanted = encoder(geometry.cropped(truth, box, side))
        e = F.smooth_l1_loss(found, wanted, beta=.3) + 0 * size.sum()
        loss, numbers = loss + options["expression"] * e, numbers | dict(expression=float(e.detach()))
    return loss, numbers
