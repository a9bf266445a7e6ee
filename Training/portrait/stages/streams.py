"""Stage 3, micro-chunk streaming: the temporal modules learn on the denoiser's own windows.

A sequence is streamed as the runtime does it: chunks at four noise levels, a lead-in that glides
from the portrait's motion to the driver's first, the oldest chunk leaving and pure noise entering.
Every third window has gradients (the paper's algorithm 2), so what is learnt from is what streaming
gives, with its errors.
"""
import os

import numpy as np
import torch

from .. import conditions, geometry, schedule, training
from ..streaming import Window, led_in
from .faces import faces_of
from .pictures import PictureLosses
from .regions import face_weights

KEYFRAME_ODDS = .4


class Stream:
    """One sequence on its way through the window."""

    def __init__(self, painter, data, latents, person: int, options: dict):
        self.options, self.at = options, 0
        d = training.device()
        motions = torch.from_numpy(data.motions[person])
        rest = data.rest[person:person + 1]
        truth = torch.from_numpy(latents.values[person].astype(np.float32)).to(d)
        with torch.no_grad():
            tokens = self._tokens(painter, data, person, rest, motions)
            token = painter.token(training.to_tensor(data.pictures[person, :1]))
        self.window = Window(painter, truth[:1], token, temporal=options.get("temporal", True))
        self.lead = self.window.lead if options.get("interpolated", True) else 0
        # The portrait is the first frame; pose and expression glide to those of the driver's start.
        begin = len(motions) // 4
        points, said, glide = led_in(rest, motions[:1], motions[begin:], tokens[:1],
                                     tokens[begin:], self.lead)
        self.points, self.tokens, self.motions = points.to(d), said.to(d), glide.to(d)
        self.target = torch.cat([truth[:1].expand(self.lead, -1, -1, -1), truth[begin:]])
        self.person, self.begin = person, begin
        self.portrait = training.to_tensor(data.pictures[person, :1])
        self.known = (torch.arange(len(self.target)) >= self.lead).float().to(d)

    @staticmethod
    def _tokens(painter, data, person: int, rest, motions) -> torch.Tensor:
        if not painter.motion_encoder:
            return conditions.tokens(conditions.expressions(motions))
        points = geometry.of_motion(rest.expand(len(motions), -1, -1), motions)
        pictures = training.to_tensor(data.pictures[person])
        side = painter.configuration["motion_encoder"]["input_size"]
        return painter.motion_encoder(faces_of(pictures, points.to(pictures.device), side, 0))

    @property
    def is_over(self) -> bool:
        return self.at + len(self.window) > len(self.target)

    def step(self):
        """The next window's clean estimates, and which frames they are."""
        window, rows = self.window, slice(self.at, self.at + len(self.window))
        if not self.options.get("sliding", True):  # the truth under noise, not the window's own
            levels = window.levels[:-window.chunk]
            truth = self.target[rows][:-window.chunk]
            window.x = schedule.add_noise(truth, torch.randn_like(truth), levels)
        x0, finished = window.step(self.points[rows], self.tokens[rows])
        is_new = len(window.banks) == 1 and self.at > self.lead
        if self.options.get("keyframes", True) and is_new and np.random.uniform() < KEYFRAME_ODDS:
            window.look_at(finished[:1])
        self.at += window.chunk
        return x0, rows

    def seen(self, rows: slice) -> dict | None:
        """Frames of these that have a true picture, as picture losses want them; which they are."""
        frames = np.arange(rows.start, rows.stop)
        frames = frames[frames >= self.lead]
        return len(frames) and dict(
            pictures=self.portrait, points=self.points[frames], motions=self.motions[frames],
            rows=(np.full(len(frames), self.person), frames - self.lead + self.begin))


def run(recipe, options: dict):
    """Trains the temporal modules of the recipe's painter."""
    data, latents = recipe.sequences()
    latents.fill(recipe.autoencoder())
    painter = recipe.average("stage2", painter=recipe.new_painter())[0]
    pictures = None
    if "decoded" in options:
        pictures = PictureLosses(recipe.folder, "stage3", recipe.configuration, recipe.autoencoder(),
                                 recipe.encoder() if "expression" in options else None,
                                 data.pictures, options)
    return train(recipe.folder, painter, data, latents, options, recipe.autoencoder(), pictures)


class Shown:
    """One sequence, streamed with temporal modules and without: how wrong each frame is, and how much
    of that differs between frames; and some of the frames, as pictures."""

    def __init__(self, data, latents, decoder, options: dict, person: int = 0):
        self.data, self.latents, self.decoder, self.person = data, latents, decoder, person
        self.options = dict(options, sliding=True, keyframes=False)

    def _streamed(self, painter, temporal: bool):
        stream = Stream(painter, self.data, self.latents, self.person,
                        dict(self.options, temporal=temporal))
        made, wanted = [], []
        while not stream.is_over:
            x0, rows = stream.step()
            made.append(x0[:stream.window.chunk].float())
            wanted.append(stream.target[rows][:stream.window.chunk])
        return torch.cat(made)[stream.lead:], torch.cat(wanted)[stream.lead:]

    def __call__(self, painter, path) -> dict:
        numbers, rows = {}, []
        for name, temporal in (("with", True), ("without", False)):
            with torch.random.fork_rng():  # the same noise for both
                torch.manual_seed(3)
                made, wanted = self._streamed(painter, temporal)
            if len(made) < 2:
                return numbers  # a film that is over before its lead-in
            wrong = made - wanted
            numbers[f"mse_{name}"] = float(wrong.square().mean())
            numbers[f"steady_{name}"] = float((wrong[1:] - wrong[:-1]).square().mean())
            rows.append([*training.to_bytes(self.decoder.decode(made[::2][:8]))])
        truth = [*training.to_bytes(self.decoder.decode(wanted[::2][:8]))]
        training.grid([truth, *rows], path)
        return numbers


def train(folder, painter, data, latents, options: dict, decoder,
          pictures: PictureLosses | None = None):
    """Learns on every third window; those between only move on."""
    rank = int(os.environ.get("RANK", 0))
    torch.manual_seed(20 + rank)
    random = np.random.default_rng(20 + rank)
    side = painter.configuration["latent_size"]
    for name, value in painter.named_parameters():
        value.requires_grad_("temporal_modules" in name)
    run = training.Run(folder, "stage3", {"painter": painter}, rate=options["rate"],
                       **training.run_options(options))
    if pictures:
        run.beside.append(pictures)
    streams: list[Stream] = []
    period = painter.configuration["chunks_in_window"] - 1

    def loss_of(step):
        if not streams or streams[0].is_over:
            streams[:] = [Stream(painter, data, latents, int(random.integers(latents.ready)), options)]
        stream = streams[0]
        with training.half_precision(options["half"]):
            x0, rows = stream.step()
        w = face_weights(stream.points[rows], stream.motions[rows], side, options["face_weight"])
        known = stream.known[rows]
        error = (x0.float() - stream.target[rows]).square()
        loss = ((w * error).mean((1, 2, 3)) * known).sum() / known.sum().clamp(min=1)
        # What moves between frames should move as much as in the truth.
        change = (x0[1:] - x0[:-1]).float() - (stream.target[rows][1:] - stream.target[rows][:-1])
        both = known[1:] * known[:-1]
        steady = (change.square().mean((1, 2, 3)) * both).sum() / both.sum().clamp(min=1)
        loss = options.get("latent", 1) * (loss + .5 * steady)
        numbers = dict(mse=float(error.detach().mean()), steady=float(steady.detach()))
        if pictures and (batch := stream.seen(rows)):
            more, found = pictures(x0[-len(batch["points"]):], batch, loss)
            loss, numbers = loss + more, numbers | found
        with torch.no_grad():
            for _ in range(period - 1):
                if not stream.is_over:
                    stream.step()
        return loss, numbers

    shown = Shown(data, latents, decoder, options)

    def evaluate(step, models):
        return shown(models["painter"], folder / f"stage3-{step}.png")

    return run.loop(loss_of, evaluate, every=options.get("every", 240))["painter"].eval()
