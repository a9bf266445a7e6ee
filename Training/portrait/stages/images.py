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
from ..latents import Latents
from ..portraits import Painter
from .faces import faces_of
from .pictures import LatentCritic, PictureLosses, seen_in_pixels
from .regions import face_weights


class Pairs:
    """Portraits with targets of the same people."""

    def __init__(self, faces: Faces, latents: Latents, seed: int, crop: int | None = None,
                 targets: int = 4):
        self.faces, self.latents, self.crop, self.targets = faces, latents, crop, targets
        self.seed = seed
        self.begin(0)
        self.rest = faces.rest
        self.motions = torch.from_numpy(faces.motions)

    def begin(self, step: int) -> None:
        """Other choices for a run that goes on at this step than it began with."""
        self.random = np.random.default_rng([self.seed, step])

    def choose(self, count: int):
        people = self.random.integers(0, self.latents.ready, count)
        portraits = np.where(self.random.uniform(size=count) < .6, self.random.integers(0, 2, count),
                             self.random.integers(0, self.faces.each, count))
        pairs = np.stack([self.random.permutation(self.faces.each // 2)[:self.targets // 2]
                          for _ in range(count)]) * 2
        return people, portraits, np.concatenate([pairs, pairs + 1], 1)

    def __call__(self, count: int) -> dict:
        return self.at(*self.choose(count))

    def at(self, people: np.ndarray, portraits: np.ndarray, targets: np.ndarray) -> dict:
        d, wide = training.device(), np.repeat(people, targets.shape[1])
        flat = targets.reshape(-1)
        motions, rest = self.motions[wide, flat], self.rest[wide]
        points = geometry.of_motion(rest, motions).to(d)
        seen = {}
        if self.crop:  # a motion encoder that learns along sees the frames themselves
            pictures = training.to_tensor(self.faces.pictures[wide, flat])
            seen = dict(faces=faces_of(pictures, points, self.crop, 0))
        return seen | dict(
            portrait=torch.from_numpy(self.latents.values[people, portraits]).float().to(d),
            target=torch.from_numpy(self.latents.values[wide, flat]).float().to(d),
            pictures=training.to_tensor(self.faces.pictures[people, portraits]), motions=motions.to(d),
            points=points,
            people=people, portraits=portraits, rows=(wide, flat))

    def held_out(self, count: int) -> dict:
        people = np.arange(count) % min(self.faces.people, self.latents.ready)
        return self.at(people, np.zeros(count, int), np.tile([2, 3, 4, 5], (count, 1)))


def conditioned(painter: Painter, batch: dict, options: dict, jitter: bool = True) -> dict:
    """What the denoiser is given for a batch."""
    token = painter.token(batch["pictures"])
    points = batch["points"]
    if painter.motion_encoder:
        motion, jitter = painter.motion_encoder(batch["faces"]), False
    else:
        motion = conditions.tokens(conditions.expressions(batch["motions"]))
    if jitter:  # encoder and extractor will be a little wrong
        motion = motion + .06 * torch.randn_like(motion)
        shift = .012 * torch.randn(len(points), 1, 3) + .006 * torch.randn(len(points), 21, 3)
        points = points + shift.to(points.device)
    banks = painter.banks(batch["portrait"], token)
    return dict(token=token, motion=motion, pose=painter.pose(points), banks=[banks])


def paired(wrong: torch.Tensor, weights: torch.Tensor, portraits: int) -> torch.Tensor:
    """How wrong the two targets of a pair are against each other: the error in their expressions,
    since these alone tell them apart. Takes errors as `Pairs` orders its targets."""
    first, second = wrong.unflatten(0, (portraits, 2, -1)).unbind(1)
    counts = weights.unflatten(0, (portraits, 2, -1)).amax(1)
    return (counts * (first - second).square()).mean() / 2


class Gates:
    """Latent errors on held-out people, with every control."""

    def __init__(self, held: Pairs, count: int):
        self.batch = held.held_out(count)

    @torch.no_grad()
    def __call__(self, painter: Painter, half: bool) -> dict:
        b = self.batch
        noise = torch.randn(b["target"].shape, generator=torch.Generator().manual_seed(0))
        noise = schedule.beginning(b["portrait"], noise.to(b["target"].device))
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

    @torch.no_grad()
    def show(self, painter: Painter, decoder, faces: Faces, path: Path, half: bool,
             people: int = 4) -> None:
        """Rows of a portrait, and then of what should come out above what does, of the first few."""
        b = self.batch
        each = len(b["target"]) // len(b["portrait"])
        people = min(people, len(b["portrait"]))
        of_people = ("portrait", "pictures", "people", "portraits")
        b = {key: tuple(rows[:people * each] for rows in value) if key == "rows"
             else value[:people if key in of_people else people * each] for key, value in b.items()}
        noise = torch.randn(b["target"].shape, generator=torch.Generator().manual_seed(0))
        noise = schedule.beginning(b["portrait"], noise.to(b["target"].device))
        with training.half_precision(half):
            made = painter.rollout(noise, 4, **conditioned(painter, b, {}, jitter=False))
        made = np.concatenate([training.to_bytes(decoder.decode(x[None].float())) for x in made])
        portraits = training.to_bytes(b["pictures"])
        truth = faces.pictures[b["rows"]]
        rows = []
        for person in range(people):
            of = slice(person * each, (person + 1) * each)
            rows += [[portraits[person], *frames] for frames in (truth[of], made[of])]
        training.grid(rows, path)


def train(folder: Path, configuration: dict, painter: Painter, pairs: Pairs, held: Pairs,
          options: dict, name: str, decoder, encoder=None) -> Painter:
    """Stage 1 when `rollouts` is off: noise is added to the truth. Stage 2 when it is on: the
    denoiser starts from noise and sees its own steps, and pixels and expression count as well."""
    side = configuration["latent_size"]
    for key, value in painter.denoising_unet.named_parameters():
        value.requires_grad_("temporal_modules" not in key)
    for part in options.get("frozen", []):
        getattr(painter, part).requires_grad_(False)
    run = training.Run(folder, name, {"painter": painter}, rate=options["rate"],
                       **training.run_options(options))
    if "decoded" in options:
        run.beside.append(PictureLosses(folder, name, configuration, decoder, encoder,
                                        pairs.faces.pictures, options))
    metric = None
    if options.get("pixel_metric"):
        metric = seen_in_pixels(decoder, held.held_out(8)["portrait"], options["pixel_metric"])
    if options.get("judged"):
        run.beside.append(LatentCritic(folder, name, configuration, options))
    if options.get("compiled"):
        painter.denoising_unet.compile()
        painter.reference_unet.compile()
    pairs.begin(run.step)
    torch.manual_seed(pairs.seed * 100_000 + run.step)
    gates = Gates(held, options.get("held_out", 24))
    # What is wrong with an estimate of the noise is what is wrong with the latent, in other units.
    is_noise = configuration["prediction"] == "epsilon" and not options.get("rollouts")
    levels = torch.tensor(schedule.TIMESTEPS)
    odds = torch.tensor(options.get("odds", [.64, .12, .12, .12]))

    def timesteps(count: int) -> torch.Tensor:
        if options.get("timesteps") == "all":
            return torch.randint(0, schedule.TIMESTEPS[0] + 1, (count,))
        return levels[torch.multinomial(odds, count, replacement=True)]

    def loss_of(step):
        batch = pairs(options["portraits"])
        target, n = batch["target"], len(batch["target"])
        with training.half_precision(options["half"]):
            c = conditioned(painter, batch, options)
            if options.get("rollouts"):
                count = int(torch.multinomial(odds, 1)) + 1
                x0 = painter.rollout(schedule.beginning(batch["portrait"], torch.randn_like(target)),
                                     count, **c)
            else:
                t = timesteps(n).to(target.device)
                x = schedule.add_noise(target, torch.randn_like(target), t)
                x0 = painter.clean(x, t, **c)
        w = face_weights(batch["points"], batch["motions"], side, options["face_weight"])
        wrong = x0.float() - target
        if metric is not None:
            wrong = F.conv2d(wrong, metric[:, :, None, None])
        error = wrong.square()
        if options.get("absolute"):  # the middle of what could be and not its mean: less blurred
            error = error + options["absolute"] * wrong.abs()
        if is_noise:
            error = error * schedule.signal_to_noise(t)
        loss, numbers = options.get("latent", 1) * (w * error).mean(), dict(
            mse=float(F.mse_loss(x0.detach().float(), target)))
        if options.get("paired"):
            apart = paired(wrong, w, options["portraits"])
            loss, numbers["paired"] = loss + options["paired"] * apart, float(apart.detach())
        for judge in run.beside:
            more, found = judge(x0.float(), batch, loss)
            loss, numbers = loss + more, numbers | found
        return loss, numbers

    def evaluate(step, models):
        gates.show(models["painter"], decoder, held.faces, folder / f"{name}-{step}.png",
                   options["half"])
        return gates(models["painter"], options["half"])

    return run.loop(loss_of, evaluate, every=options.get("every", 200))["painter"].eval()
