"""Pictures of faces, drawn by renderer.c, which is compiled when it is first needed."""
import ctypes
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).with_name("renderer.c")
FLAGS = ["-O3", "-march=native", "-ffast-math", "-fopenmp", "-shared", "-fPIC"]


def _library() -> ctypes.CDLL:
    """The compiled renderer, kept under the sum of its source so that it is compiled once."""
    name = hashlib.sha256(SOURCE.read_bytes() + " ".join(FLAGS).encode()).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "personalive"
    path = folder / f"renderer-{name}.so"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".so", delete=False) as made:
            pass
        command = [os.environ.get("CC", "cc"), *FLAGS, "-o", made.name, str(SOURCE), "-lm"]
        subprocess.run(command, check=True)
        os.replace(made.name, path)  # two runs at once may both compile: the last one stays
    return ctypes.CDLL(str(path))


_loaded: ctypes.CDLL | None = None


def library() -> ctypes.CDLL:
    global _loaded
    if _loaded is None:
        _loaded = _library()
    return _loaded


def _floats(values: np.ndarray, width: int) -> np.ndarray:
    values = np.ascontiguousarray(values, np.float32)
    if values.ndim != 2 or values.shape[1] != width:
        raise ValueError(f"the renderer takes rows of {width} numbers, not {values.shape}")
    return values


def _pointer(values: np.ndarray) -> ctypes.c_void_p:
    return values.ctypes.data_as(ctypes.c_void_p)


def render(identities: np.ndarray, motions: np.ndarray, size: int = 128) -> np.ndarray:
    """Pictures `[n, size, size, 3]` of bytes, one for each row of identities and motions."""
    identities = _floats(identities, library().identity_count())
    motions = _floats(motions, library().motion_count())
    if len(identities) != len(motions) or size > 512:
        raise ValueError(f"{len(identities)} identities, {len(motions)} motions, size {size}")
    pictures = np.empty((len(identities), size, size, 3), np.uint8)
    library().render(
        len(identities), size, _pointer(identities), _pointer(motions), _pointer(pictures))
    return pictures


def rest_keypoints(identities: np.ndarray) -> np.ndarray:
    """The 21 key points of faces at rest, `[n, 21, 3]` in head space."""
    identities = _floats(identities, library().identity_count())
    points = np.empty((len(identities), 21, 3), np.float32)
    for row, identity in enumerate(identities):
        library().keypoints(_pointer(identity), _pointer(points[row]))
    return points
