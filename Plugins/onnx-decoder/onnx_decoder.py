"""Turns latents into frames with any decoder that was exported to ONNX.

It has the ports of `vae-decoder`, so it can take its place, in a running graph too. Needs onnxruntime
(`pip install -r Plugins/requirements.txt`).
"""

import numpy
import onnxruntime
from personalive import cores, node


@node
class OnnxDecoder:
    """One decoder: latents [n, 4, h, w] in, frames [n, 8h, 8w, 3] out."""

    def __init__(self, model, divide_by, range):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cores()
        options.inter_op_num_threads = 1
        # Other nodes have work for the cores that threads would spin on.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = onnxruntime.InferenceSession(
            model, options, providers=onnxruntime.get_available_providers())
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ValueError(
                f"{model} has {len(inputs)} inputs and {len(outputs)} outputs; a decoder "
                "has one of each: latents in, images out")
        self.input = inputs[0].name
        self.type = {"tensor(float)": numpy.float32, "tensor(float16)": numpy.float16}.get(
            inputs[0].type)
        if self.type is None:
            raise ValueError(
                f"input '{self.input}' of {model} is {inputs[0].type}; it must be float "
                "or float16")
        self.divisor = divide_by
        # From the model's range to 0...255; fractions are cut off, as the tool's own decoders do.
        self.scale, self.shift = (127.5, 127.5) if range == "centred" else (255.0, 0.0)

    def __call__(self, latent):
        latent = (latent / numpy.float32(self.divisor)).astype(self.type)
        images = self.session.run(None, {self.input: latent})[0]
        n, _, h, w = latent.shape
        if images.shape != (n, 3, 8 * h, 8 * w):
            raise ValueError(
                f"the model made {list(images.shape)} of latents {list(latent.shape)}; a decoder "
                f"makes {[n, 3, 8 * h, 8 * w]}")
        frame = numpy.clip(images.astype(numpy.float32) * self.scale + self.shift, 0, 255)
        return frame.astype(numpy.uint8).transpose(0, 2, 3, 1)
