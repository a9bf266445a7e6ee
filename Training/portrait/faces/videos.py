"""Folders of real videos, for training at full size: the same shape of data set as the rendered ones.

`ffmpeg` cuts every video into clips of so many frames, square about the middle, at 25 a second. A
motion extractor (the published one) says where heads are; what faces express is left to the motion
encoder, which learns with the denoiser, as in the paper. Videos should show one face each, already
cut out as VFHQ's and DH-FaceVid's are.
"""
import functools
import json
import subprocess
from pathlib import Path

import numpy as np
import torch

from . import motion
from .dataset import Faces

ENDINGS = {".mp4", ".mov", ".mkv", ".webm", ".avi"}


class Clips(Faces):
    """Clips as `people`, their frames as pictures. Of motions only the pose is known."""

    @functools.cached_property
    def rest(self) -> torch.Tensor:
        """Key points at rest `[clips, 21, 3]`: those of each clip's first frame."""
        return torch.from_numpy(np.load(self.folder / "rest.npy"))


def frames_of(video: Path, size: int, rate: int):
    """A video's pictures, `[size, size, 3]` of bytes."""
    shape = f"crop='min(iw,ih)':'min(iw,ih)',scale={size}:{size}:flags=area,fps={rate}"
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(video), "-vf", shape, "-f", "rawvideo",
               "-pix_fmt", "rgb24", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        while len(data := process.stdout.read(size * size * 3)) == size * size * 3:
            yield np.frombuffer(data, np.uint8).reshape(size, size, 3)
    if process.returncode:
        raise ValueError(f"{video}: ffmpeg gave up with {process.returncode}")


def clips_of(videos: list[Path], size: int, frames: int, rate: int):
    """Clips `[frames, size, size, 3]`; what is left at a video's end is dropped."""
    for video in videos:
        clip = []
        for picture in frames_of(video, size, rate):
            clip.append(picture)
            if len(clip) == frames:
                yield np.stack(clip)
                clip = []


def build(folder: str | Path, videos: str | Path, extractor, size: int, frames: int = 40,
          rate: int = 25, input_size: int = 256, count: int | None = None) -> Clips:
    """Writes the data set once: pictures, and what `extractor` says of the heads in them.

    `count` limits the number of clips. 40 frames of 512 x 512 take 31 MB.
    """
    folder = Path(folder)
    if (folder / "facts.json").exists():
        return Clips(folder)
    found = sorted(p for p in Path(videos).rglob("*") if p.suffix.lower() in ENDINGS)
    folder.mkdir(parents=True, exist_ok=True)
    rests, motions = [], []
    with open(folder / "pictures.u8", "wb") as file:
        for clip in clips_of(found, size, frames, rate):
            rest, moved = _measured(extractor, clip, input_size)
            rests.append(rest)
            motions.append(moved)
            file.write(clip.tobytes())
            if len(rests) == count:
                break
    if not rests:
        raise ValueError(f"{videos}: {len(found)} videos, and none has {frames} frames; "
                         f"looked for {', '.join(sorted(ENDINGS))}")
    np.save(folder / "rest.npy", np.stack(rests))
    np.save(folder / "motions.npy", np.stack(motions))
    np.save(folder / "identities.npy", np.zeros((len(rests), 0), np.float32))
    (folder / "rendered").write_text(str(len(rests)))
    (folder / "facts.json").write_text(json.dumps(dict(size=size, videos=str(videos))))
    return Clips(folder)


@torch.no_grad()
def _measured(extractor, clip: np.ndarray, input_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Key points at rest of the first frame, and each frame's pose in the renderer's order."""
    from ..stages.faces import extractor_input
    from ..training import to_tensor

    found = extractor(extractor_input(to_tensor(clip), input_size))
    pose = torch.stack([found["yaw"], found["pitch"], found["roll"]], 1)
    moved = torch.cat([pose, found["translation"][:, :2], found["scale"]], 1).float().cpu().numpy()
    empty = np.zeros((len(moved), len(motion.EXPRESSION)), np.float32)
    return found["keypoints"][0].float().cpu().numpy(), np.concatenate([moved, empty], 1)
