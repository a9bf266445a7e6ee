"""Stage 3, micro-chunk streaming: the temporal modules learn on the denoiser's own windows.

A sequence is streamed as the runtime does it: chunks at four noise levels, a lead-in that glides
from the portrait's motion to the driver's first, the oldest chunk leaving and pure noise entering.
Every third window has gradients (the paper's algorithm 2), so what is learnt from is what streaming
gives, with its errors.
"""
import numpy as np
import torch

from .. import conditions, geometry, schedule, training
from ..faces.renderer import rest_keypoints
from .images import face_weights, stage_options

KEYFRAME_ODDS = .4


class Stream:
    """One sequence on its way through the window."""

    def __init__(self, painter, data, latents, person: int, options: dict):
        self.painter, self.options = painter, options
        c = painter.configuration
        self.chunk, self.chunks = c["frames_per_chunk"], c["chunks_in_window"]
        self.lead = self.chunk * (self.chunks - 1) if options.get("interpolated", True) else 0
        d = training.device()
        motions = torch.from_numpy(data.motions[person])
        rest = torch.from_numpy(rest_keypoints(data.identities[person][None]))
        self.truth = torch.from_numpy(latents.values[person].astype(np.float32)).to(d)
        points = geometry.of_motion(rest.expand(len(motions), -1, -1), motions)
        tokens = conditions.tokens(conditions.expressions(motions))
        # The portrait is the first frame; pose and expression glide to those of the driver's start.
        begin = len(motions) // 4
        ramp = torch.arange(self.lead)[:, None] / max(self.lead, 1)
        glide = motions[0] * (1 - ramp) + motions[begin] * ramp
        lead_points = geometry.of_motion(rest.expand(self.lead, -1, -1), glide)
        lead_tokens = tokens[0] * (1 - ramp[..., None]) + tokens[begin] * ramp[..., None]
        self.points = torch.cat([lead_points, points[begin:]]).to(d)
        self.tokens = torch.cat([lead_tokens, tokens[begin:]]).to(d)
        self.motions = torch.cat([glide, motions[begin:]]).to(d)
        self.target = torch.cat([self.truth[:1].expand(self.lead, -1, -1, -1), self.truth[begin:]])
        self.known = (torch.arange(len(self.target)) >= self.lead).float().to(d)
        levels = torch.tensor(schedule.TIMESTEPS[::-1]).repeat_interleave(self.chunk).to(d)
        self.levels, self.at = levels, 0
        with torch.no_grad():
            portrait = training.to_tensor(data.pictures[person, :1])
            self.token = painter.token(portrait)
            self.banks = [painter.banks(self.truth[:1], self.token)]
        copies = self.truth[:1].expand(len(levels) - self.chunk, -1, -1, -1)
        self.x = schedule.add_noise(copies, torch.randn_like(copies), levels[:-self.chunk])

    @property
    def is_over(self) -> bool:
        return self.at + len(self.levels) > len(self.target)

    def window(self):
        """Adds a chunk of noise, and gives the clean estimates with what they should be."""
        fresh = self.truth[:1].expand(self.chunk, -1, -1, -1)
        x = torch.cat([self.x, schedule.add_noise(
            fresh, torch.randn_like(fresh), self.levels[-self.chunk:])])
        rows = slice(self.at, self.at + len(self.levels))
        x0 = self.painter.clean(
            x, self.levels, self.token, self.tokens[rows], self.painter.pose(self.points[rows]),
            self.banks, frames=len(self.levels), temporal=self.options.get("temporal", True))
        moved = schedule.step(x, x0, self.levels).detach()
        if self.options.get("keyframes", True) and len(self.banks) == 1 and self.at > self.lead \
                and np.random.uniform() < KEYFRAME_ODDS:
            with torch.no_grad():
                self.banks.append(self.painter.banks(moved[:1], self.token))
        self.x = moved[self.chunk:]
        finished, self.at = moved[:self.chunk], self.at + self.chunk
        return x0, rows, finished


def run(recipe, options: dict):
    """Trains the temporal modules of the recipe's painter."""
    data = recipe.sequences()
    latents = recipe.latents("sequences")
    latents.fill(recipe.tiny())
    return train(recipe.folder, recipe.average("stage2", painter=_painter(recipe))[0], data,
                 latents, options)


def _painter(recipe):
    from ..portraits import Painter
    return Painter(recipe.configuration)


def train(folder, painter, data, latents, options: dict):
    torch.manual_seed(20)
    random = np.random.default_rng(20)
    side = painter.configuration["latent_size"]
    for name, value in painter.named_parameters():
        value.requires_grad_("temporal_modules" in name)
    run = training.Run(folder, "stage3", {"painter": painter}, rate=options["rate"],
                       **stage_options(options, "stage3"))
    streams: list[Stream] = []
    period = painter.configuration["chunks_in_window"] - 1

    def loss_of(step):
        if not streams or streams[0].is_over:
            streams[:] = [Stream(painter, data, latents, int(random.integers(latents.ready)), options)]
        stream = streams[0]
        with training.half_precision(options["half"]):
            x0, rows, _ = stream.window()
        w = face_weights(stream.points[rows], stream.motions[rows], side, options["face_weight"])
        known = stream.known[rows]
        error = (x0.float() - stream.target[rows]).square()
        loss = ((w * error).mean((1, 2, 3)) * known).sum() / known.sum().clamp(min=1)
        # What moves between frames should move as much as in the truth.
        change = (x0[1:] - x0[:-1]).float() - (stream.target[rows][1:] - stream.target[rows][:-1])
        both = known[1:] * known[:-1]
        steady = (change.square().mean((1, 2, 3)) * both).sum() / both.sum().clamp(min=1)
        with torch.no_grad():
            for _ in range(period - 1):
                if not stream.is_over:
                    stream.window()
        return loss + .5 * steady, dict(mse=float(error.detach().mean()), steady=float(steady.detach()))

    return run.loop(loss_of)["painter"].eval()
