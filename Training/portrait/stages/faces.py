"""The three networks that look at pictures, each supervised by the renderer's own numbers."""
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from .. import conditions, geometry, training
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

    def held_out(self, count: int):
        people = np.arange(count) % self.faces.people
        return self.at(people, (np.arange(count) * 3 + np.arange(count) // self.faces.people)
                       % self.faces.each)


def extractor_input(images: torch.Tensor, size: int) -> torch.Tensor:
    small = F.interpolate(images, (size, size), mode="bilinear", align_corners=False)
    return small / 2 + .5


def found_keypoints(found: dict[str, torch.Tensor]) -> torch.Tensor:
    degrees = torch.stack([found["pitch"], found["yaw"], found["roll"]], 1)
    return geometry.posed(
        found["keypoints"], degrees, found["translation"], found["scale"])


def r_squared(found: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    return 1 - (found - truth).square().mean(0) / truth.var(0, unbiased=False)


def train_extractor(folder: Path, configuration: dict, data: Faces, test: Faces,
                    options: dict) -> MotionExtractor:
    torch.manual_seed(3)
    e, sample, held = configuration["motion_extractor"], Sampler(data, 3), Sampler(test, 0)
    model = MotionExtractor(e).to(training.device())
    with torch.no_grad():  # begins at an average face, so that only differences are to be learnt
        model.detector.fc_kp.bias.copy_(sample.rest.mean(0).flatten())
        model.detector.fc_scale.bias.fill_(.7)
        model.detector.fc_kp.weight.mul_(.1)
    run = training.Run(folder, "extractor", {"motion_extractor": model}, rate=options["rate"],
                       **{"decay": .05} | training.run_options(options))
    sample.begin(run.step)
    truth = held.held_out(options.get("held_out", 512))

    def losses(model, images, motions, rest):
        found = model(extractor_input(images, e["input_size"]))
        degrees = torch.stack([found["pitch"], found["yaw"], found["roll"]], 1)
        points = found_keypoints(found)
        exact = geometry.of_motion(rest, motions)
        # A face of mean size is posed exactly only if all of its parts are right by themselves.
        loss = (F.smooth_l1_loss(points[..., :2], exact[..., :2], beta=.02) * 10
                + F.smooth_l1_loss(found["keypoints"], rest, beta=.05) * 2
                + F.smooth_l1_loss(degrees / 30, motions[:, [1, 0, 2]] / 30, beta=.05) * 2
                + F.smooth_l1_loss(found["translation"][:, :2], motions[:, 3:5], beta=.02) * 4
                + F.smooth_l1_loss(found["scale"], motions[:, 5:6], beta=.02) * 4)
        error = (points - exact)[..., :2].norm(dim=-1).mean() * configuration["image_size"] / 2
        turn = (degrees - motions[:, [1, 0, 2]]).abs().mean()
        return loss, dict(pixels=float(error.detach()), degrees=float(turn.detach()))

    def loss_of(step):
        images, _, motions, rest = sample(options["batch"])
        return losses(model, images, motions, rest)

    def evaluate(step, models):
        images, _, motions, rest = truth
        return losses(models["motion_extractor"], images, motions, rest)[1]

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


def train_encoder(folder: Path, configuration: dict, data: Faces, test: Faces,
                  options: dict) -> MotionEncoder:
    torch.manual_seed(4)
    size, sample = configuration["motion_encoder"]["input_size"], Sampler(data, 4)
    held = Sampler(test, 0)
    model = MotionEncoder(configuration).to(training.device())
    run = training.Run(folder, "encoder", {"motion_encoder": model}, rate=options["rate"],
                       **{"decay": .02} | training.run_options(options))
    sample.begin(run.step)
    images, _, motions, rest = held.held_out(options.get("held_out", 512))
    truth = faces_of(images, geometry.of_motion(rest, motions), size, 0)

    def loss_of(step):
        images, _, motions, rest = sample(options["batch"])
        crops = faces_of(images, geometry.of_motion(rest, motions), size, .03)
        wanted = conditions.tokens(conditions.expressions(motions))
        found = model(crops)
        return F.smooth_l1_loss(found, wanted, beta=.3), {}

    def evaluate(step, models):
        found = conditions.read(models["motion_encoder"](truth))
        r2 = r_squared(found, conditions.expressions(motions))
        names = ("lid_left", "lid_right", "gaze_x", "gaze_y", "brow_up", "brow_tilt", "open",
                 "wide", "smile")
        return dict({f"r2_{n}": float(v) for n, v in zip(names, r2)}, r2=float(r2.mean()))

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
