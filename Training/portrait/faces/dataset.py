"""Rendered data sets on disk: bytes of pictures beside the numbers they were drawn from.

A folder holds `identities.npy` [people, numbers], `motions.npy` [people, pictures, numbers] and
`pictures.u8`, raw bytes [people, pictures, size, size, 3]. Rendering goes on where it stopped.
"""
import functools
import json
from pathlib import Path

import numpy as np
import torch

from ..progress import Progress
from . import identity, motion, renderer


class Faces:
    """A rendered data set, mapped into memory."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        facts = json.loads((self.folder / "facts.json").read_text())
        self.size = facts["size"]
        self.identities = np.load(self.folder / "identities.npy")
        self.motions = np.load(self.folder / "motions.npy")
        self.people, self.each = self.motions.shape[:2]
        self.pictures = np.memmap(
            self.folder / "pictures.u8", np.uint8, "r",
            shape=(self.people, self.each, self.size, self.size, 3))

    @functools.cached_property
    def rest(self) -> torch.Tensor:
        """Key points at rest, `[people, 21, 3]`."""
        return torch.from_numpy(renderer.rest_keypoints(self.identities))

    @property
    def ready(self) -> int:
        """People whose pictures are all there."""
        return int((self.folder / "rendered").read_text())


def picture_motions(random: np.random.Generator, each: int) -> np.ndarray:
    """Motions of one person: two as for a portrait, then pairs that differ in expression alone."""
    rows = []
    for i in range(0, each, 2):
        first = motion.rest(random) if i == 0 else motion.sample(random)
        second = first.copy()
        second[motion.EXPRESSIONS] = motion.expression(random)
        rows += [first, second]
    return np.stack(rows[:each])


def build(folder: str | Path, people: int, each: int, seed: int, size: int = 128,
          sequences: bool = False, mirrored: bool = False) -> Faces:
    """Renders `people` x `each` pictures, in pairs or as one sequence per person.

    With `mirrored` every second person is the one before in a mirror, who costs no rendering.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    facts = dict(people=people, each=each, seed=seed, size=size, sequences=sequences)
    if mirrored:
        facts["mirrored"] = True
    known = folder / "facts.json"
    if not known.exists():
        rendered = people // 2 if mirrored else people
        identities = identity.samples(rendered, seed)
        motions = np.stack([
            (motion.sequence if sequences else picture_motions)(
                np.random.default_rng([seed, 1, i]), each) for i in range(rendered)])
        if mirrored:
            identities = _beside(identities, identity.mirrored(identities))
            motions = _beside(motions, np.stack([motion.mirrored(rows) for rows in motions]))
        np.save(folder / "identities.npy", identities)
        np.save(folder / "motions.npy", motions)
        (folder / "rendered").write_text("0")
        with open(folder / "pictures.u8", "wb") as file:
            file.truncate(people * each * size * size * 3)
        known.write_text(json.dumps(facts))
    elif json.loads(known.read_text()) != facts:
        raise ValueError(f"{folder} holds {known.read_text()}, not {json.dumps(facts)}: remove it")
    return _render(folder, mirrored)


def _beside(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Rows of both in turn."""
    return np.stack([a, b], 1).reshape(-1, *a.shape[1:])


def _render(folder: Path, mirrored: bool) -> Faces:
    faces = Faces(folder)
    pictures = np.memmap(folder / "pictures.u8", np.uint8, "r+", shape=faces.pictures.shape)
    step = max(1, 256 // faces.each)
    progress = Progress(f"data, people of {folder.name}", faces.people, faces.ready)
    for first in range(faces.ready, faces.people, step):
        rows = slice(first, min(first + step, faces.people))
        drawn = slice(rows.start, rows.stop, 2 if mirrored else 1)
        who = np.repeat(faces.identities[drawn], faces.each, axis=0)
        how = faces.motions[drawn].reshape(len(who), -1)
        pictures[drawn] = renderer.render(who, how, faces.size).reshape(pictures[drawn].shape)
        if mirrored:
            pictures[first + 1:rows.stop:2] = pictures[drawn][:, :, :, ::-1]
        (folder / "rendered.new").write_text(str(rows.stop))
        (folder / "rendered.new").replace(folder / "rendered")
        progress.tell(rows.stop)
    return faces
