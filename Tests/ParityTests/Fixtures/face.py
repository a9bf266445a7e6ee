"""Makes face.safetensors: what MediaPipe's own programs answer with the two face models.

    pip install mediapipe==0.10.21 ai-edge-litert pillow safetensors
    python face.py

The detector runs in TensorFlow Lite's interpreter; the mesh has operators that only MediaPipe has, so it
runs in a graph of MediaPipe's calculators. `points` are those of its whole face_landmark graph, which puts
the answers of lips, eyes and irises together.

Pictures: the demo's portrait at several sizes, turns and places, frames of the demo's film, and noise. The
golden values are those of the reference kernels; how far XNNPACK's are from them stands in the metadata,
where fixtures of other networks have the distance of binary32 from binary64.
"""
import argparse
import json
import pathlib
import sys

import cv2
import mediapipe
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from mediapipe.framework.formats import rect_pb2
from mediapipe.python import packet_creator, packet_getter
from mediapipe.python._framework_bindings import calculator_graph, resource_util
from PIL import Image
from safetensors.numpy import save_file

sys.path.insert(0, str(pathlib.Path(__file__).parent / "../../../Training"))
from portrait.demo import driving_motion  # noqa: E402

ROOT = pathlib.Path(mediapipe.__file__).parent.parent
DETECTOR = ROOT / "mediapipe/modules/face_detection/face_detection_short_range.tflite"
MESH = ROOT / "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite"
RESOLVERS = [OpResolverType.BUILTIN_REF, OpResolverType.AUTO]
# In the order of the file's outputs; left and right are the person's, where the file has the picture's.
ANSWERS = {"surface": (468, 3), "lips": (80, 2), "right_eye": (71, 2), "left_eye": (71, 2),
           "right_iris": (5, 2), "left_iris": (5, 2), "certainty": ()}

WHOLE = """
input_stream: "image"
input_stream: "roi"
node {
  calculator: "ConstantSidePacketCalculator"
  output_side_packet: "PACKET:attention"
  options { [mediapipe.ConstantSidePacketCalculatorOptions.ext] { packet { bool_value: true } } }
}
node {
  calculator: "FaceLandmarkCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:roi"
  input_side_packet: "WITH_ATTENTION:attention"
  output_stream: "LANDMARKS:landmarks"
}
"""


def mesh_graph(delegate):
    """A graph that gives every output of the mesh's file as it is."""
    count = len(ANSWERS)
    streams = " ".join(f'output_stream: "tensor{i}"' for i in range(count))
    ranges = " ".join(f"ranges {{ begin: {i} end: {i + 1} }}" for i in range(count))
    nodes = [f"""
        input_stream: "image"
        node {{
          calculator: "TfLiteCustomOpResolverCalculator"
          output_side_packet: "OP_RESOLVER:operators"
          node_options {{
            [type.googleapis.com/mediapipe.TfLiteCustomOpResolverCalculatorOptions] {{ use_gpu: false }}
          }}
        }}
        node {{
          calculator: "ImageToTensorCalculator"
          input_stream: "IMAGE:image"
          output_stream: "TENSORS:pixels"
          options {{
            [mediapipe.ImageToTensorCalculatorOptions.ext] {{
              output_tensor_width: 192 output_tensor_height: 192
              output_tensor_float_range {{ min: 0 max: 1 }}
            }}
          }}
        }}
        node {{
          calculator: "InferenceCalculator"
          input_stream: "TENSORS:pixels"
          input_side_packet: "OP_RESOLVER:operators"
          output_stream: "TENSORS:answers"
          options {{
            [mediapipe.InferenceCalculatorOptions.ext] {{
              model_path: "{MESH}" delegate {{ {delegate} {{}} }}
            }}
          }}
        }}
        node {{
          calculator: "SplitTensorVectorCalculator"
          input_stream: "answers"
          {streams}
          options {{ [mediapipe.SplitVectorCalculatorOptions.ext] {{ {ranges} }} }}
        }}
        """]
    for i in range(count):
        nodes.append(f"""
            node {{
              calculator: "TensorsToFloatsCalculator"
              input_stream: "TENSORS:tensor{i}"
              output_stream: "FLOATS:answer{i}"
            }}
            """)
    return "".join(nodes)


def run(config, pictures, outputs, get, with_region=False):
    """What comes out of a graph for each picture, by the outputs' names."""
    graph, found = calculator_graph.CalculatorGraph(graph_config=config), {}
    for name in outputs:
        graph.observe_output_stream(
            name, lambda stream, packet: found.setdefault(stream, []).append(get(packet)))
    graph.start_run({})
    for time, picture in enumerate(pictures):
        frame = packet_creator.create_image_frame(
            np.ascontiguousarray(picture), image_format=mediapipe.ImageFormat.SRGB)
        graph.add_packet_to_input_stream("image", frame.at(time))
        if with_region:
            region = rect_pb2.NormalizedRect(x_center=0.5, y_center=0.5, width=1, height=1)
            graph.add_packet_to_input_stream("roi", packet_creator.create_proto(region).at(time))
    graph.close_all_packet_sources()
    graph.wait_until_done()
    return found


def mesh_answers(pictures, delegate):
    names = [f"answer{i}" for i in range(len(ANSWERS))]
    found = run(mesh_graph(delegate), pictures, names, packet_getter.get_float_list)
    return [np.array(found[name], np.float32) for name in names]


def whole_points(pictures):
    """`[n, 478, 3]` in pixels of the pictures, in each of which there must be a face."""
    found = run(WHOLE, pictures, ["landmarks"], packet_getter.get_proto, with_region=True)
    points = np.array([[(p.x, p.y, p.z) for p in face.landmark] for face in found["landmarks"]])
    assert points.shape == (len(pictures), 478, 3)
    return (points * pictures.shape[1]).astype(np.float32)


def detector_answers(pictures, resolver):
    """The outputs for each picture, the largest first."""
    interpreter = Interpreter(
        str(DETECTOR), num_threads=1, experimental_op_resolver_type=resolver)
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


def film_frame(path, number):
    film = cv2.VideoCapture(str(path))
    film.set(cv2.CAP_PROP_POS_FRAMES, number)
    return Image.fromarray(cv2.cvtColor(film.read()[1], cv2.COLOR_BGR2RGB))


def main():
    parser = argparse.ArgumentParser()
    here = pathlib.Path(__file__).parent
    parser.add_argument("--demo", type=pathlib.Path, default=here / "../../../Models/demo")
    demo = parser.parse_args().demo
    resource_util.set_resource_dir(str(ROOT))
    portrait = Image.open(demo / "portrait.png").convert("RGB")
    random = np.random.default_rng(7)
    far = np.stack([
        placed(portrait, 128, 128, 0, 0), placed(portrait, 128, 50, 70, 60, 15),
        random.integers(0, 256, (128, 128, 3), dtype=np.uint8)])
    noise = random.integers(0, 256, (192, 192, 3), dtype=np.uint8)
    near = np.stack([
        placed(portrait, 192, 260, -33, -60), placed(portrait, 192, 250, -20, -50, -20),
        # Eyes shut; mouth open and head turned.
        placed(film_frame(demo / "driving.mp4", SHUT), 192, 260, -33, -45),
        placed(film_frame(demo / "driving.mp4", OPEN), 192, 260, -33, -45), noise])
    # How the film's head and face were posed when it was rendered: portrait/faces/motion.py has the names.
    motion = driving_motion(12)
    tensors, measured = {"in/far_u8": far, "in/near_u8": near, "in/film_motion": motion}, {}

    def keep(name, shape, golden, other):
        tensors["out/" + name] = golden.reshape((len(golden),) + shape).astype(np.float32)
        measured[name] = {
            "rel_l2": float(np.linalg.norm(golden - other) / np.linalg.norm(golden)),
            "max_abs": float(np.abs(golden - other).max()), "ref_max": float(np.abs(golden).max())}

    pixels = far.astype(np.float32) / 127.5 - 1
    both = zip(*(detector_answers(pixels, resolver) for resolver in RESOLVERS))
    for (name, shape), answers in zip({"boxes": (896, 16), "logits": (896,)}.items(), both):
        keep(name, shape, *answers)
    golden, other = mesh_answers(near, "tflite"), mesh_answers(near, "xnnpack")
    for (name, shape), right, left in zip(ANSWERS.items(), golden, other):
        keep(name, shape, right, left)
    # The whole graph shows no points where there is no face, and has XNNPACK's kernels.
    points = whole_points(near[:-1])
    keep("points", (478, 3), points, points)
    measured["points"] = measured["surface"]
    print(json.dumps(measured, indent=1))
    save_file(tensors, here / "face.safetensors", metadata={
        "weights": f"{DETECTOR.name} / {MESH.name} (mediapipe 0.10.21)",
        "inputs": "{}", "fp32_vs_fp64": json.dumps(measured)})


# Frames of Models/demo/driving.mp4.
SHUT, OPEN = 111, 102

main()
