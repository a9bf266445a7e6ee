#!/usr/bin/env python3
"""Writes TAESD's decoder as ONNX, from its safetensors: export_taesd.py IN.safetensors OUT.onnx

Takes the published names (`decoder.layers.<n>` or the original `<n>`) in any width. Needs numpy and
onnx, no PyTorch.
"""

import json
import re
import struct
import sys

import numpy
from onnx import TensorProto, checker, helper, numpy_helper, save


def tensors(path):
    """The file's f32 tensors by name (https://huggingface.co/docs/safetensors has the layout)."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    header.pop("__metadata__", None)
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            sys.exit(f"{path}: {name} is {entry['dtype']}, but this script reads F32 "
                     "('personalive models convert --dtype f32')")
    return {
        name: numpy.frombuffer(data[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
        for name, entry in header.items()}


class Graph:
    """Collects operations; each has one output, which the next one takes."""

    def __init__(self, weights):
        self.weights, self.nodes, self.constants = weights, [], []

    def add(self, operation, *inputs, **attributes):
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(inputs), [output], **attributes))
        return output

    def constant(self, name, array):
        self.constants.append(numpy_helper.from_array(numpy.ascontiguousarray(array), name))
        return name

    def convolution(self, x, key):
        names = [f"{key}.{part}" for part in ("weight", "bias") if f"{key}.{part}" in self.weights]
        return self.add(
            "Conv", x, *[self.constant(name, self.weights[name]) for name in names],
            pads=[1, 1, 1, 1])

    def block(self, x, key):
        """Three convolutions beside a shortcut."""
        y = self.add("Relu", self.convolution(x, f"{key}.conv.0"))
        y = self.add("Relu", self.convolution(y, f"{key}.conv.2"))
        return self.add("Relu", self.add("Add", self.convolution(y, f"{key}.conv.4"), x))


def decoder(weights):
    """The decoder as an ONNX model: latents [n, 4, h, w] in, images in -1...1 out."""
    prefix = "decoder.layers." if any(k.startswith("decoder.layers.") for k in weights) else ""
    numbers = sorted({int(m[1]) for k in weights if (m := re.match(rf"{prefix}(\d+)\.", k))})
    graph = Graph(weights)
    three = graph.constant("three", numpy.float32(3))
    # TAESD squeezes latents softly into -3...3.
    x = graph.add("Mul", graph.add("Tanh", graph.add("Div", "latent", three)), three)
    doubled = graph.constant("doubled", numpy.array([1, 1, 2, 2], numpy.float32))
    for number in numbers:
        key = f"{prefix}{number}"
        if f"{key}.conv.0.weight" in weights:
            x = graph.block(x, key)
        elif f"{key}.bias" not in weights:  # only those behind an upsampling have none
            x = graph.add("Resize", x, "", doubled, mode="nearest",
                          coordinate_transformation_mode="asymmetric", nearest_mode="floor")
            x = graph.convolution(x, key)
        else:
            x = graph.convolution(x, key)
            if number == numbers[0]:
                x = graph.add("Relu", x)
    # The network's images are in 0...1.
    x = graph.add("Mul", x, graph.constant("two", numpy.float32(2)))
    x = graph.add("Sub", x, graph.constant("one", numpy.float32(1)))
    size = [weights[f"{prefix}{numbers[0]}.weight"].shape[1], "h", "w"]
    latent = helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["n", *size])
    image = helper.make_tensor_value_info(x, TensorProto.FLOAT, ["n", 3, "8h", "8w"])
    made = helper.make_graph(graph.nodes, "taesd-decoder", [latent], [image], graph.constants)
    return helper.make_model(
        made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8,
        producer_name="personalive")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    model = decoder(tensors(sys.argv[1]))
    checker.check_model(model)
    save(model, sys.argv[2])


if __name__ == "__main__":
    main()
