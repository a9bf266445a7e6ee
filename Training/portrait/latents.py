"""A data set's latents on disk, worked out once the encoder is fixed."""
from pathlib import Path

import numpy as np
import torch

from . import training
from .faces.dataset import Faces
from .progress import Progress


class Latents:
    """`[people, pictures, channels, h, w]` in f16; as many people as are ready are used."""

    def __init__(self, path: str | Path, faces: Faces, channels: int, side: int):
        self.path, self.faces = Path(path), faces
        shape = (faces.people, faces.each, channels, side, side)
        if not self.path.exists():
            with open(self.path, "wb") as file:
                file.truncate(int(np.prod(shape)) * 2)
        self.values = np.memmap(self.path, np.float16, "r+", shape=shape)
        self._count = self.path.with_suffix(".ready")

    @property
    def ready(self) -> int:
        return int(self._count.read_text() or 0) if self._count.exists() else 0

    @torch.no_grad()
    def fill(self, vae, people: int | None = None) -> None:
        """Encodes up to so many people, from where it stopped."""
        people = min(people or self.faces.ready, self.faces.ready)
        step = max(1, 32 // self.faces.each)
        progress = Progress(f"latents, people of {self.path.stem}", people, self.ready)
        for first in range(self.ready, people, step):
            rows = slice(first, min(first + step, people))
            pictures = self.faces.pictures[rows]
            x = training.to_tensor(pictures.reshape(-1, *pictures.shape[2:]))
            z = vae.encode(x).half().cpu().numpy()
            self.values[rows] = z.reshape(self.values[rows].shape)
            self._count.with_suffix(".new").write_text(str(rows.stop))
            self._count.with_suffix(".new").replace(self._count)
            progress.tell(rows.stop)
