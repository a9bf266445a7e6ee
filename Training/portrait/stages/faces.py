"""The three networks that look at pictures, each supervised by the renderer's own numbers."""
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from .. import conditions, geometry, training
from ..faces import motion
from ..faces.dataset import Faces
from ..networks.faces import ImageEncoder, MotionEncoder, MotionExtractor


class Sampler:
    """Random pictures of a data set with all that is known of them."""

    def __init__(self, faces: Faces, seed: int):
        self.faces, self.seed = faces, seed
        self.begin(0)
        self.rest = faces.rest
        self.identities = torch.from_numpy(faces.identities)
        self.motions = torch.from_numpy(faces.motions)

    def begin(self, step: int) -> None:
        """Other choices for a run that goes on at this step than it began with."""
        self.random = np.random.default_rng([self.seed, step])

    def __call__(self, count: int):
        people = self.random.integers(0, self.faces.ready, count)
        rows = self.random.integers(0, self.faces.each, count)
        return self.at(people, rows)

    def at(self, people: np.ndarray, rows: np.ndarray):
        d = training.device()
        return (training.to_tensor(self.faces.pictures[people, rows]),
                self.identities[people].to(d), self.motions[people, rows].to(d),
                self.rest[people].to(d))

    def followed(self, count: int):
        """So many frames of films, and then the frames that follow them."""
        people = self.random.integers(0, self.faces.ready, count)
        rows = self.random.integers(0, self.faces.each - 1, count)
        return self.at(np.tile(people, 2), np.concatenate([rows, rows + 1]))

    def held_out(self, count: int):
        people = np.arange(count) % self.faces.people
        return self.at(people, (np.arange(count) * 3 + np.arange(count) // self.faces.people)
                       % self.faces.each)


class Batches:
    """Pictures of a data set, and from the middle of a batch on frames of films with their next ones.

    Frames are what the networks see later on, and what they are taught to be steady by: an error that
    differs from frame to frame trembles, though it be small.
    """

    def __init__(self, pictures: Faces, films: Faces, seed: int):
        self.pictures, self.films = Sampler(pictures, seed), Sampler(films, seed)

    def begin(self, step: int) -> None:
        self.pictures.begin(step)
        self.films.begin(step)

    def __call__(self, count: int) -> list[torch.Tensor]:
        frames = self.films.followed(count // 4)
        pictures = self.pictures(count - len(frames[0]))
        return [torch.cat(parts) for parts in zip(pictures, frames)]


def unsteady(errors: torch.Tensor) -> torch.Tensor:
    """How much errors `[n, …]` of a batch differ between a frame and the next one."""
    first, second = errors[len(errors) - len(errors) // 4 * 2:].chunk(2)
    return (first - second).abs().mean()


def extractor_input(images: torch.Tensor, size: int) -> torch.Tensor:
    small = F.interpolate(images, (size, size), mode="bilinear", align_corners=False)
    return small / 2 + .5


def found_keypoints(found: dict[str, torch.Tensor]) -> torch.Tensor:
    degrees = torch.stack([found["pitch"], found["yaw"], found["roll"]], 1)
    return geometry.posed(
        found["keypoints"], degrees, found["translation"], found["scale"])


def r_squared(found: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    return 1 - (found - truth).square().mean(0) / truth.var(0, unbiased=False)


def masked_r_squared(found: torch.Tensor, truth: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """R² of each column over the rows in which it is seen."""
    return torch.stack([r_squared(found[rows, i], truth[rows, i])
                        for i, rows in enumerate(seen.T)])


def size_of(errors: torch.Tensor, beta: float) -> torch.Tensor:
    return F.smooth_l1_loss(errors, torch.zeros_like(errors), beta=beta)


def train_extractor(folder: Path, configuration: dict, data: Faces, films: Faces, test: Faces,
                    options: dict) -> MotionExtractor:
    torch.manual_seed(3)
    e, sample, held = configuration["motion_extractor"], Batches(data, films, 3), Sampler(test, 0)
    model = MotionExtractor(e).to(training.device())
    with torch.no_grad():  # begins at an average face, so that only differences are to be learnt
        model.detector.fc_kp.bias.copy_(sample.pictures.rest.mean(0).flatten())
        model.detector.fc_scale.bias.fill_(.7)
        model.detector.fc_kp.weight.mul_(.1)
    run = training.Run(folder, "extractor", {"motion_extractor": model}, rate=options["rate"],
                       **{"decay": .05} | training.run_options(options))
    sample.begin(run.step)
    truth = held.held_out(options.get("held_out", 512))

    def losses(model, images, motions, rest):
        found = model(extractor_input(images, e["input_size"]))
        degrees = torch.stack([found["pitch"], found["yaw"], found["roll"]], 1)
        wrong = (found_keypoints(found) - geometry.of_motion(rest, motions))[..., :2]
        turn = (degrees - motions[:, [1, 0, 2]]) / 30
        # A face of mean size is posed exactly only if all of its parts are right by themselves.
        loss = (size_of(wrong, .02) * 10
                + F.smooth_l1_loss(found["keypoints"], rest, beta=.05) * 2 + size_of(turn, .05) * 2
                + F.smooth_l1_loss(found["translation"][:, :2], motions[:, 3:5], beta=.02) * 4
                + F.smooth_l1_loss(found["scale"], motions[:, 5:6], beta=.02) * 4)
        trembling = 10 * unsteady(wrong) + 4 * unsteady(turn)
        error = wrong.norm(dim=-1).mean() * configuration["image_size"] / 2
        return loss + options.get("steady", 0) * trembling, dict(
            pixels=float(error.detach()), degrees=30 * float(turn.detach().abs().mean()),
            trembling=float(trembling.detach()))

    def loss_of(step):
        images, _, motions, rest = sample(options["batch"])
        return losses(model, images, motions, rest)

    def evaluate(step, models):
        images, _, motions, rest = truth
        numbers = losses(models["motion_extractor"], images, motions, rest)[1]
        del numbers["trembling"]  # these are no frames
        return numbers

    return run.loop(loss_of, evaluate)["motion_extractor"].eval()


def faces_of(images: torch.Tensor, points: torch.Tensor, size: int, jitter: float) -> torch.Tensor:
    """Face crops for the motion encoder, the box moved about as an extractor's error would."""
    if jitter:
        n = len(points)
        points = points.clone()
        points[..., :2] += jitter * torch.randn(n, 1, 2, device=points.device)
        points[..., :2] += .5 * jitter * torch.randn(n, 21, 2, device=points.device)
    box = geometry.boxes(points, images.shape[-1])
    return geometry.cropped(images, box, size)


class InnerReading(nn.Module):
    """Reads expressions from a map inside the motion encoder; trained along, and then left out.

    All that the encoder says passes one map of 8 × 8 numbers. Told its mistakes only behind that, it
    had not begun to see brows after 2,600 steps; told them at the maps before it too, it has after 100.
    """

    def __init__(self, channels: int, side: int, kept: int = 16):
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, kept, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(kept * side ** 2, conditions.COUNT))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.layers(features)


def inner_readings(configuration: dict) -> nn.ModuleList:
    """One for each of the encoder's maps."""
    e = configuration["motion_encoder"]
    return nn.ModuleList([InnerReading(4 * e["stem_channels"], e["input_size"] // 4)
                          for _ in range(2)])


# How much each of the nine numbers counts: most where little was learnt at weights of 1 (brows 0, gaze
# .5 and width .5 of their variance). Lids at .5 had lost in films, where blinks are short.
COUNTS = torch.tensor([1.5, 1.5, 2, 2, 4, 4, .5, 1.5, 1])


def unlike(said: torch.Tensor, motions: torch.Tensor, steady: float = 0) -> torch.Tensor:
    """How far expressions `[n, 9]` are from those of motions, of what can be seen; and how much that
    differs between frames."""
    wrong = (said - conditions.expressions(motions)) * conditions.visible(motions)
    apart = F.smooth_l1_loss(wrong, torch.zeros_like(wrong), beta=.3, reduction="none")
    return (apart * COUNTS.to(said.device)).mean() + steady * unsteady(wrong)


def train_encoder(folder: Path, configuration: dict, data: Faces, films: Faces, test: Faces,
                  options: dict) -> MotionEncoder:
    torch.manual_seed(4)
    size, sample = configuration["motion_encoder"]["input_size"], Batches(data, films, 4)
    held = Sampler(test, 0)
    model = MotionEncoder(configuration).to(training.device(), memory_format=torch.channels_last)
    readings = inner_readings(configuration).to(training.device())
    run = training.Run(
        folder, "encoder", {"motion_encoder": model, "inner_readings": readings},
        rate=options["rate"], **{"decay": .02} | training.run_options(options))
    sample.begin(run.step)
    images, _, motions, rest = held.held_out(options.get("held_out", 512))
    truth = faces_of(images, geometry.of_motion(rest, motions), size, 0)

    def loss_of(step):
        images, _, motions, rest = sample(options["batch"])
        crops = faces_of(images, geometry.of_motion(rest, motions), size, .03)
        maps = model.maps(crops.contiguous(memory_format=torch.channels_last))
        found = model.told(maps[-1])
        inner = sum(unlike(read(x), motions) for read, x in zip(readings, maps))
        wanted = conditions.tokens(conditions.expressions(motions))
        outer = 2 * unlike(conditions.read(found), motions, options.get("steady", 0))
        loss = F.smooth_l1_loss(found, wanted, beta=.3) + outer + inner
        return loss, dict(outer=float(outer.detach()), inner=float(inner.detach()))

    def evaluate(step, models):
        found = conditions.read(models["motion_encoder"](truth))
        r2 = masked_r_squared(found, conditions.expressions(motions), conditions.visible(motions))
        return dict({f"r2_{n}": float(v) for n, v in zip(motion.EXPRESSION, r2)},
                    r2=float(r2.mean()))

    return run.loop(loss_of, evaluate)["motion_encoder"].eval()


def train_image_encoder(folder: Path, configuration: dict, data: Faces, test: Faces,
                        options: dict) -> ImageEncoder:
    """Stands in for CLIP: its token names what a viewer could tell of a person."""
    torch.manual_seed(5)
    e, sample, held = configuration["image_encoder"], Sampler(data, 5), Sampler(test, 0)
    model = ImageEncoder(e).to(training.device())
    run = training.Run(folder, "image-encoder", {"image_encoder": model}, rate=options["rate"],
                       **{"decay": .05} | training.run_options(options))
    sample.begin(run.step)
    images, people, _, _ = held.held_out(options.get("held_out", 512))
    truth = conditions.image_input(images, e["image_size"])
    wanted = conditions.image_tokens(people, e["projection_dim"])

    def loss_of(step):
        images, people, _, _ = sample(options["batch"])
        found = model(conditions.image_input(images, e["image_size"]))
        target = conditions.image_tokens(people, e["projection_dim"])
        return F.smooth_l1_loss(found, target, beta=.3), {}

    def evaluate(step, models):
        found = models["image_encoder"](truth)
        known = wanted.var(0) > 1e-4
        r2 = r_squared(found[:, known], wanted[:, known])
        return dict(r2=float(r2.mean()), r2_colours=float(r2[:18].mean()))

    return run.loop(loss_of, evaluate)["image_encoder"].eval()
