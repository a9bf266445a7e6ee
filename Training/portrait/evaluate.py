"""Figures on held-out people and motions, each beside its controls: `python -m portrait.evaluate`.

Cross-reenactment: a portrait takes on the rotation and the expression of a driver, who is somebody
else, and keeps its own size and place. The renderer draws what should come out.
"""
import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from . import conditions, geometry, schedule, training
from .faces import identity, motion, renderer
from .films import Films, drift
from .recipe import Recipe
from .stages.faces import extractor_input, faces_of, found_keypoints
from .stages.measure import Reading

HELD_OUT_SEED, MOTION_SEED = 77, 9


class Cases:
    """Portraits, drivers and the pictures that should come out."""

    def __init__(self, count: int, size: int, first: int = 64):
        self.count, self.size = count, size
        people = identity.samples(first + 2 * count, HELD_OUT_SEED)[first:]
        self.who, self.drivers = people[:count], people[count:]
        self.rests = np.stack([motion.rest(np.random.default_rng([MOTION_SEED, i]))
                               for i in range(count)])
        self.driving = np.stack([motion.sample(np.random.default_rng([MOTION_SEED, 1, i]))
                                 for i in range(count)])
        self.wanted = self.driving.copy()
        self.wanted[:, 3:6] = self.rests[:, 3:6]
        self.portraits = renderer.render(self.who, self.rests, size)
        self.driver_pictures = renderer.render(self.drivers, self.driving, size)
        self.truth = renderer.render(self.who, self.wanted, size)
        self.rest_points = torch.from_numpy(renderer.rest_keypoints(self.who))
        self.points = geometry.of_motion(self.rest_points, torch.from_numpy(self.wanted))
        self.expressions = conditions.expressions(torch.from_numpy(self.wanted))


def ssim(a: torch.Tensor, b: torch.Tensor) -> float:
    """Structural similarity of images in -1...1, Gaussian window of 11 and deviation 1.5, on grey."""
    grey = torch.tensor([.299, .587, .114])[None, :, None, None]
    a, b = (((x.float().clamp(-1, 1) + 1) / 2 * grey).sum(1, keepdim=True) for x in (a, b))
    g = torch.exp(-(torch.arange(11) - 5.0).square() / (2 * 1.5 ** 2))
    window = (g[:, None] * g / g.sum().square())[None, None]
    mean = lambda x: F.conv2d(x, window)  # noqa: E731
    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma ** 2, mean(b * b) - mb ** 2, mean(a * b) - ma * mb
    c1, c2 = .01 ** 2, .03 ** 2
    return float((((2 * ma * mb + c1) * (2 * cov + c2))
                  / ((ma ** 2 + mb ** 2 + c1) * (va + vb + c2))).mean())


class Evaluation:
    def __init__(self, recipe: Recipe, count: int):
        self.c = recipe.configuration
        self.cases = Cases(count, self.c["image_size"])
        self.painter, self.tiny = recipe.painter(), recipe.tiny()
        self.full = recipe.vae() if recipe.has("vae") else None
        self.encoder, self.extractor = recipe.encoder(), recipe.extractor()
        self.measurer = recipe.measurer()
        self.who, self.motions = (
            torch.from_numpy(rows) for rows in (self.cases.who, self.cases.wanted))
        self.truth = training.to_tensor(self.cases.truth)
        self.portraits = training.to_tensor(self.cases.portraits)
        self.drivers = training.to_tensor(self.cases.driver_pictures)
        self.noise = torch.randn(
            count, self.c["unet"]["latent_channels"], self.c["latent_size"],
            self.c["latent_size"], generator=torch.Generator().manual_seed(3))

    def paint(self, points, motions, portraits=None, decoder=None) -> torch.Tensor:
        x = self.portraits if portraits is None else portraits
        token, latent = self.painter.token(x), self.tiny.encode(x)
        z = self.painter.rollout(schedule.beginning(latent, self.noise), 4, token, motions, self.painter.pose(points),
                                 [self.painter.banks(latent, token)])
        return (decoder or self.tiny).decode(z).clamp(-1, 1)

    def seen(self, images: torch.Tensor) -> dict:
        return self.extractor(extractor_input(images, self.c["motion_extractor"]["input_size"]))

    def drawn_from_pictures(self) -> torch.Tensor:
        """Key points as the runtime has them: the portrait's own, at the driver's rotation."""
        portrait, driver = self.seen(self.portraits), self.seen(self.drivers)
        degrees = torch.stack([driver["pitch"], driver["yaw"], driver["roll"]], 1)
        return geometry.posed(portrait["keypoints"], degrees, portrait["translation"],
                              portrait["scale"])

    def tokens_from_pictures(self) -> torch.Tensor:
        crops = faces_of(self.drivers, found_keypoints(self.seen(self.drivers)),
                         self.c["motion_encoder"]["input_size"], 0)
        return self.encoder(crops)

    def figures(self, images: torch.Tensor) -> dict:
        """What can be said of pictures that should be the truth."""
        reading = Reading(self.measurer, images, self.motions, self.who, self.cases.rest_points)
        return dict(psnr=training.psnr(images, self.truth), ssim=ssim(images, self.truth),
                    **reading.figures())

    @torch.no_grad()
    def run(self) -> tuple[dict, dict]:
        cases, other = self.cases, torch.arange(self.cases.count).roll(1)
        exact = conditions.tokens(cases.expressions)
        neutral = conditions.tokens(torch.zeros_like(cases.expressions))
        found = self.drawn_from_pictures(), self.tokens_from_pictures()
        latents = self.tiny.encode(self.truth)
        decoders = dict(autoencoder=self.tiny) | (dict(full_decoder=self.full) if self.full else {})
        pictures = dict(truth=self.truth)
        for name, decoder in decoders.items():
            pictures[name] = decoder.decode(latents).clamp(-1, 1)
        pictures |= dict(copied_portrait=self.portraits, ours=self.paint(*found))
        if self.full:
            pictures["ours_full_decoder"] = self.paint(*found, decoder=self.full)
        pictures |= dict(
            ours_exact_motion=self.paint(cases.points, exact),
            tokens_shuffled=self.paint(cases.points, exact[other]),
            tokens_neutral=self.paint(cases.points, neutral),
            keypoints_shuffled=self.paint(cases.points[other], exact),
            portrait_shuffled=self.paint(cases.points, exact, self.portraits[other]))
        return {name: self.figures(images) for name, images in pictures.items()}, pictures

    def grid(self, pictures: dict, path: Path, rows: int = 8) -> None:
        """The first cases, not picked: portrait, driver, truth, ours, ours with exact motion."""
        b = training.to_bytes
        columns = [self.cases.portraits, self.cases.driver_pictures, self.cases.truth,
                   b(pictures["autoencoder"]), b(pictures["ours"]),
                   b(pictures["ours_exact_motion"]), b(pictures["tokens_shuffled"])]
        training.grid([[column[i] for column in columns]
                       for i in range(min(rows, self.cases.count))], path)


# What the measuring network must reach on true pictures for its figures to mean anything.
GATES = dict(keypoints_px=("<", 1.5), r2_all=(">", .85), r2_identity=(">", .8))


def gates(truth: dict) -> dict[str, bool]:
    """Says which of its gates the measuring network passes on the true pictures."""
    passed = {name: truth[name] < limit if sign == "<" else truth[name] > limit
              for name, (sign, limit) in GATES.items()}
    print("the measuring network on true pictures: " + ", ".join(
        f"{name} {truth[name]:.2f} ({'' if passed[name] else 'NOT '}{sign} {limit})"
        for name, (sign, limit) in GATES.items()))
    return passed


def table(figures: dict) -> None:
    names = list(next(iter(figures.values())))
    print(f"{'':22}" + "".join(f"{name:>15}" for name in names))
    for row, values in figures.items():
        print(f"{row:22}" + "".join(f"{values[name]:15.3f}" for name in names), flush=True)


def main() -> None:
    here = Path(__file__).parent.parent
    parser = argparse.ArgumentParser(prog="portrait.evaluate", description=__doc__)
    parser.add_argument("--folder", default="runs/small")
    parser.add_argument("--configuration", default=str(here / "configurations/small.json"))
    parser.add_argument("--options", default=str(here / "configurations/small-training.json"))
    parser.add_argument("--begin", help="a folder of weights, for what was not trained in the folder")
    parser.add_argument("--count", type=int, default=96)
    parser.add_argument("--films", type=int, default=6, help="how many are streamed; 0 for none")
    parser.add_argument("--frames", type=int, default=60, help="of each film")
    parser.add_argument("--drift", type=int, default=0, help="frames of one long film, as 2000")
    parser.add_argument("--metrics", help="where the figures go, as JSON")
    a = parser.parse_args()
    began = time.time()
    evaluation = Evaluation(Recipe(a.folder, a.configuration, a.options, a.begin), a.count)
    figures, pictures = evaluation.run()
    evaluation.grid(pictures, Path(a.folder) / "evaluation.png")
    table(figures)
    metrics = dict(cases=a.count, gates=gates(figures["truth"]), figures=figures)
    if a.films:
        metrics["films"] = dict(count=a.films, frames=a.frames,
                                figures=Films(evaluation, a.films, a.frames).run())
        table(metrics["films"]["figures"])
    if a.drift:  # some minutes
        metrics["drift"] = drift(evaluation, a.drift)
        print(metrics["drift"])
    metrics["seconds"] = round(time.time() - began, 1)
    if a.metrics:
        text = json.dumps(metrics, indent=1).replace("Infinity", "null").replace("NaN", "null")
        Path(a.metrics).write_text(text + "\n")


if __name__ == "__main__":
    main()
