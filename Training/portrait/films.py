"""Figures of films: held-out people streamed as the runtime does it, with the paper's ablations."""
import numpy as np
import torch

from . import conditions, training
from .faces import identity, motion, renderer
from .stages.faces import faces_of, found_keypoints
from .stages.measure import Reading
from .streaming import stream

SEED, FIRST = 78, 1000  # people and motions of nobody's training


def acceleration(films: torch.Tensor) -> float:
    """Mean size of second differences between frames `[films, frames, ...]`, of 255."""
    second = films[:, 2:] - 2 * films[:, 1:-1] + films[:, :-2]
    return float(second.abs().mean()) * 127.5


class Films:
    """People driven by sequences of others, and what should come out."""

    def __init__(self, networks, count: int, frames: int, first: int = FIRST):
        self.networks, self.c, self.count = networks, networks.c, count
        size = self.c["image_size"]
        people = identity.samples(first + 2 * count, SEED)[first:]
        self.who, self.drivers = people[:count], people[count:]
        randoms = [np.random.default_rng([SEED, first, i]) for i in range(count)]
        self.rests = np.stack([motion.rest(random) for random in randoms])
        self.driving = np.stack([motion.sequence(random, frames) for random in randoms])
        self.wanted = self.driving.copy()
        self.wanted[:, :, 3:6] = self.rests[:, None, 3:6]
        self.portraits = training.to_tensor(renderer.render(self.who, self.rests, size))
        self.truth = self._rendered(self.who, self.wanted)
        self.seen = self._rendered(self.drivers, self.driving)

    def _rendered(self, people: np.ndarray, motions: np.ndarray) -> torch.Tensor:
        frames = motions.shape[1]
        pictures = renderer.render(np.repeat(people, frames, 0),
                                   motions.reshape(-1, motions.shape[2]), self.c["image_size"])
        return training.to_tensor(pictures).unflatten(0, (len(people), frames))

    def autoencoded(self) -> torch.Tensor:
        tiny = self.networks.tiny
        return torch.stack([tiny.decode(tiny.encode(film)).clamp(-1, 1) for film in self.truth])

    def driven(self, i: int):
        """Motion of a film as the runtime finds it in pictures: angles, and tokens."""
        n = self.networks
        found = n.seen(self.seen[i])
        motions = torch.from_numpy(self.wanted[i]).clone()
        motions[:, :3] = torch.stack([found["yaw"], found["pitch"], found["roll"]], 1)
        crops = faces_of(self.seen[i], found_keypoints(found), self.c["motion_encoder"]["input_size"],
                         0)
        return motions, n.encoder(crops)

    def _told(self, i: int):
        motions = torch.from_numpy(self.wanted[i])
        return motions, conditions.tokens(conditions.expressions(motions))

    @torch.no_grad()
    def streamed(self, neutral: bool = False, exact: bool = False, **options) -> torch.Tensor:
        """What comes out of our networks, `[films, frames, 3, h, w]`; `exact` is told the motion."""
        n, films = self.networks, []
        options.setdefault("temporal", n.painter.knows_time)
        for i in range(self.count):
            picture, rest = self.portraits[i:i + 1], torch.from_numpy(self.rests[i:i + 1])
            motions, tokens = self._told(i) if exact else self.driven(i)
            own = conditions.tokens(conditions.expressions(rest))
            if neutral:
                tokens = conditions.tokens(torch.zeros(1, conditions.COUNT)).expand_as(tokens)
            points = torch.from_numpy(renderer.rest_keypoints(self.who[i:i + 1]))
            z = stream(n.painter, n.tiny.encode(picture), n.painter.token(picture), points, rest,
                       motions, own, tokens, **options)
            films.append(torch.cat([n.tiny.decode(part).clamp(-1, 1) for part in z.split(64)]))
        return torch.stack(films)

    @torch.no_grad()
    def figures(self, films: torch.Tensor, reference: float) -> dict:
        """`reference` is the acceleration that counts as 1."""
        frames = self.truth.shape[1]
        flat, truth = films.flatten(0, 1), self.truth.flatten(0, 1)
        people = np.repeat(self.who, frames, 0)
        rest = torch.from_numpy(renderer.rest_keypoints(self.who)).repeat_interleave(frames, 0)
        wanted = torch.from_numpy(self.wanted).flatten(0, 1)
        read = Reading(self.networks.measurer, flat, wanted, torch.from_numpy(people), rest).figures()
        del read["r2_identity"]  # of a handful of people
        return dict(psnr=training.psnr(flat, truth), **read,
                    acceleration=acceleration(films) / reference)

    def run(self) -> dict:
        """Every figure of ours, and of ours with something left out."""
        whole = self.autoencoded()
        reference = acceleration(whole)
        made = dict(
            truth=lambda: self.truth, autoencoder=lambda: whole,
            ours=lambda: self.streamed(),
            ours_exact_motion=lambda: self.streamed(exact=True),
            no_temporal_modules=lambda: self.streamed(temporal=False),
            no_keyframes=lambda: self.streamed(keyframes=False),
            no_interpolated_start=lambda: self.streamed(interpolated=False),
            no_motion_tokens=lambda: self.streamed(neutral=True),
            chunks_of_2=lambda: self.streamed(chunk=2))
        if not self.networks.painter.knows_time:
            del made["no_temporal_modules"]
        return {name: self.figures(make(), reference) for name, make in made.items()}


@torch.no_grad()
def drift(networks, frames: int = 2000) -> dict:
    """PSNR of frames 100-300 and of the last 200 of one long film."""
    film = Films(networks, 1, frames, FIRST + 500)
    made = film.streamed()[0]
    early, late = slice(100, 300), slice(frames - 200, frames)
    return dict(early=training.psnr(made[early], film.truth[0, early]),
                late=training.psnr(made[late], film.truth[0, late]))
