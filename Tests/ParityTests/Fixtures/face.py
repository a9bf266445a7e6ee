"""Makes face.safetensors: what TensorFlow Lite's interpreter answers with the two face models.

    pip install ai-edge-litert numpy pillow safetensors
    python face.py FOLDER [--portrait ../../../Models/demo/portrait.png]

FOLDER is the folder that holds the wheel's contents, below which lie
mediapipe/modules/face_detection/face_detection_short_range.tflite and
mediapipe/modules/face_landmark/face_landmark.tflite (PyPI: mediapipe 0.10.21).

Pictures: the demo's portrait at several sizes, turns and places, and noise. The golden values are those of
the reference kernels; how far XNNPACK's are from them stands in the metadata, where fixtures of other
networks have the distance of binary32 from binary64.
"""
import argparse
import json
import pathlib

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from PIL import Image
from safetensors.numpy import save_file

DETECTOR = "mediapipe/modules/face_detection/face_detection_short_range.tflite"
MESH = "mediapipe/modules/face_landmark/face_landmark.tflite"
RESOLVERS = [OpResolverType.BUILTIN_REF, OpResolverType.AUTO]


def answers(path, pictures, resolver):
    """The outputs for each picture, the largest first."""
    interpreter = Interpreter(
        str(path), num_threads=1, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    rows = []
    for picture in pictures:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[None])
        interpreter.invoke()
        outputs = [interpreter.get_tensor(o["index"]).copy() for o in interpreter.get_output_details()]
        rows.append(sorted(outputs, key=lambda output: -output.size))
    return [np.stack([row[i].reshape(-1) for row in rows]) for i in range(len(rows[0]))]


def placed(portrait, side, size, left, top, degrees=0, ground=(138, 147, 176)):
    """The portrait at `size` in a square picture of `side` pixels."""
    picture = Image.new("RGB", (side, side), ground)
    small = portrait.resize((size, size), Image.LANCZOS)
    if degrees:
        small = small.rotate(degrees, Image.BICUBIC, fillcolor=ground)
    picture.paste(small, (left, top))
    return np.asarray(picture)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    here = pathlib.Path(__file__).parent
    parser.add_argument("--portrait", default=here / "../../../Models/demo/portrait.png")
    arguments = parser.parse_args()
    portrait = Image.open(arguments.portrait).convert("RGB")
    random = np.random.default_rng(7)
    far = np.stack([
        placed(portrait, 128, 128, 0, 0), placed(portrait, 128, 50, 70, 60, 15),
        random.integers(0, 256, (128, 128, 3), dtype=np.uint8)])
    near = np.stack([
        placed(portrait, 192, 260, -33, -60), placed(portrait, 192, 250, -20, -50, -20),
        random.integers(0, 256, (192, 192, 3), dtype=np.uint8)])
    tensors, measured = {"in/far_u8": far, "in/near_u8": near}, {}

    def keep(path, pictures, names, shapes):
        golden, other = (answers(arguments.folder / path, pictures, r) for r in RESOLVERS)
        for name, shape, right, left in zip(names, shapes, golden, other):
            tensors["out/" + name] = right.reshape(shape).astype(np.float32)
            measured[name] = {
                "rel_l2": float(np.linalg.norm(right - left) / np.linalg.norm(right)),
                "max_abs": float(np.abs(right - left).max()),
                "ref_max": float(np.abs(right).max())}

    keep(DETECTOR, far.astype(np.float32) / 127.5 - 1, ["boxes", "logits"],
         [(3, 896, 16), (3, 896)])
    keep(MESH, near.astype(np.float32) / 255, ["points", "certainty"], [(3, 468, 3), (3,)])
    print(json.dumps(measured, indent=1))
    save_file(tensors, here / "face.safetensors", metadata={
        "weights": "face_detection_short_range.tflite / face_landmark.tflite (mediapipe 0.10.21)",
        "inputs": "{}", "fp32_vs_fp64": json.dumps(measured)})


main()
