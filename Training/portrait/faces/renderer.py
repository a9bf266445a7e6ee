"""Pictures of faces, drawn by renderer.c, which is compiled when it is first needed."""
import ctypes
from pathlib import Path

import numpy as np

from .. import compiled


def library() -> ctypes.CDLL:
    return compiled.library(Path(__file__).with_name("renderer.c"))


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
