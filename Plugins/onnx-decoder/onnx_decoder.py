#!/usr/bin/env python3
"""Turns latents into frames with any decoder that was exported to ONNX.

It has the ports of `vae-decoder`, so it can take its place, in a running graph too. Needs pyzmq,
numpy and onnxruntime (`pip install -r Plugins/requirements.txt`).
"""

import os
import sys

# The protocol is that of the worked example beside this folder. A plugin that is to go elsewhere
# takes a copy of that file along.
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "grayscale-python"))

import grayscale as host
import numpy
import onnxruntime


class Node(host.Node):
    """One decoder: latents [n, 4, h, w] in, frames [n, 8h, 8w, 3] out."""

    def __init__(self, settings):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = Node.cores
        options.inter_op_num_threads = 1
        # Other nodes have work for the cores that threads would spin on.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = onnxruntime.InferenceSession(
            settings["model"], options, providers=onnxruntime.get_available_providers())
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ValueError(
                f"{settings['model']} has {len(inputs)} inputs and {len(outputs)} outputs; a decoder "
                "has one of each: latents in, images out")
        self.input = inputs[0].name
        self.type = {"tensor(float)": numpy.float32, "tensor(float16)": numpy.float16}.get(
            inputs[0].type)
        if self.type is None:
            raise ValueError(
                f"input '{self.input}' of {settings['model']} is {inputs[0].type}; it must be float "
                "or float16")
        self.divisor = settings["divide-by"]
        # From the model's range to 0...255; fractions are cut off, as the tool's own decoders do.
        self.scale, self.shift = (127.5, 127.5) if settings["range"] == "centred" else (255.0, 0.0)

    def update(self, settings):
        """None of its settings is live."""

    def process(self, inputs):
        latent = (inputs["latent"] / numpy.float32(self.divisor)).astype(self.type)
        images = self.session.run(None, {self.input: latent})[0]
        n, _, h, w = latent.shape
        if images.shape != (n, 3, 8 * h, 8 * w):
            raise ValueError(
                f"the model made {list(images.shape)} of latents {list(latent.shape)}; a decoder "
                f"makes {[n, 3, 8 * h, 8 * w]}")
        frame = numpy.clip(images.astype(numpy.float32) * self.scale + self.shift, 0, 255)
        return {"frame": frame.astype(numpy.uint8).transpose(0, 2, 3, 1)}


if __name__ == "__main__":
    host.Node = Node
    host.main()
