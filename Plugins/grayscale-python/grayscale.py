"""Takes the colour out of frames."""

import numpy
from personalive import node


@node
def grayscale(frame, strength=1.0):
    grey = frame @ numpy.array([0.299, 0.587, 0.114], "float32")  # luma of ITU-R BT.601
    return (strength * grey[..., None] + (1 - strength) * frame + 0.5).astype("uint8")
