"""Directions in motion tokens along which mouth, eyes and brows move: what the node motion-mixer scales.

Rendered people do random things; the tool's own nodes turn the pictures into motion tokens; tokens E are
regressed on what the faces were told to do, m (in standard deviations): E = E0 + m B, and m = (E - E0) W.
The rows of B are what a direction writes, the columns of W (B W)^-1 what it reads, so that the reading of
one direction is 1 along itself and 0 along all others.

    python -m portrait.regions --weights ../Models/small     # needs personalive in PATH
"""
import argparse
import json
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from .faces import identity, motion, renderer

PEOPLE, EACH, HELD_OUT, SIZE = 60, 40, 12, 128
REGIONS = {
    "mouth": ["open", "wide", "smile"],
    "eyes": ["lid_left", "lid_right", "gaze_x", "gaze_y"],
    "brows": ["brow_up", "brow_tilt"],
}
GRAPH = """
nodes:
  portrait: {{ use: image-file, with: {{ path: {folder}/00000.png }} }}
  camera: {{ use: video-file, with: {{ path: {folder} }} }}
  keypoints:
    use: keypoint-extractor
    in: {{ frame: camera.frame, portrait: portrait.image }}
    with: {{ model: small, weights: {weights} }}
  motion:
    use: motion-encoder
    in: {{ face: keypoints.face, portrait-face: keypoints.portrait-face }}
    with: {{ model: small, weights: {weights} }}
  mixer:
    use: motion-mixer
    in: {{ motion: motion.motion, keypoints: keypoints.keypoints }}
    with: {{ model: small, weights: {weights} }}
"""


def recorded(path: Path) -> dict[int, np.ndarray]:
    """The last row of each message of a recording of `motion`, by frame."""
    data = path.read_bytes()
    length, = struct.unpack_from("<I", data, 6)
    at, rows = 10 + length, {}
    while at < len(data):
        frame, rank = struct.unpack_from("<Q", data, at + 4)[0], struct.unpack_from("<I", data, at + 44)[0]
        shape = struct.unpack_from(f"<{rank}Q", data, at + 48)
        at += 48 + 8 * rank + 8
        count = int(np.prod(shape))
        rows[frame] = np.frombuffer(data, "<f4", count, at).reshape(shape)[-1].ravel()
        at += 4 * count
    return rows


def tokens(frames: Path, weights: Path, folder: Path) -> dict[int, np.ndarray]:
    """Motion tokens of pictures in a folder, as the tool makes them."""
    graph, record = folder / "regions.yaml", folder / "motion.rec"
    graph.write_text(GRAPH.format(folder=frames, weights=weights))
    run = subprocess.Popen(["personalive", "run", str(graph), "--name", "regions"])
    while run.poll() is None and not record.exists():
        # Not before the run answers.
        subprocess.run(["personalive", "record", "regions", "motion.motion", str(record)], check=False)
        time.sleep(.1)
    if run.wait() != 0:
        raise RuntimeError("the graph did not run to its end")
    return recorded(record)


def ridge(inputs: np.ndarray, outputs: np.ndarray, weight: float) -> np.ndarray:
    square = inputs.T @ inputs + weight * len(inputs) * np.eye(inputs.shape[1])
    return np.linalg.solve(square, inputs.T @ outputs)


def fit(rows: np.ndarray, motions: np.ndarray, is_held_out: np.ndarray) -> dict[str, np.ndarray]:
    names = [name for own in REGIONS.values() for name in own]
    columns = [motion.INDEX[name] for name in names]
    known = ~is_held_out
    told = motions - motions[known].mean(0)
    told = told / told[known].std(0)
    seen = rows - rows[known].mean(0)
    write = ridge(told[known], seen[known], 1e-4)[columns]
    read = ridge(seen[known], told[known], 1e-3)[:, columns]
    found = seen[is_held_out] @ read
    error = ((told[is_held_out][:, columns] - found) ** 2).mean(0)
    quality = 1 - error / told[is_held_out][:, columns].var(0)
    print("R2 of what is read, people who were not fitted:",
          json.dumps({name: round(float(value), 3) for name, value in zip(names, quality)}))
    # Contiguous, since the file takes memory as it lies.
    read = np.ascontiguousarray((read @ np.linalg.inv(write @ read)).T)
    tensors, at = {}, 0
    for region, own in REGIONS.items():
        tensors[f"{region}.read"] = read[at:at + len(own)].astype(np.float32)
        tensors[f"{region}.write"] = write[at:at + len(own)].astype(np.float32)
        at += len(own)
    return tensors


def main() -> None:
    from PIL import Image
    from safetensors.numpy import save_file

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="the small model's folder")
    options = parser.parse_args()
    random = np.random.default_rng(9)
    people = identity.samples(PEOPLE, 123)
    who = np.repeat(np.arange(PEOPLE), EACH)
    motions = np.array([motion.sample(random) for _ in who])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "frames").mkdir()
        for at in range(0, len(who), EACH):
            pictures = renderer.render(people[who[at:at + EACH]], motions[at:at + EACH], SIZE)
            for index, picture in enumerate(pictures):
                Image.fromarray(picture).save(folder / f"frames/{at + index:05d}.png")
        found = tokens(folder / "frames", options.weights.resolve(), folder)
    frames = np.array(sorted(found))
    rows = np.array([found[frame] for frame in frames], np.float64)
    tensors = fit(rows, motions[frames].astype(np.float64), who[frames] >= PEOPLE - HELD_OUT)
    save_file(tensors, str(options.weights / "motion_regions.safetensors"))


if __name__ == "__main__":
    main()
