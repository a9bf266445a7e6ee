"""Makes rounded.safetensors: golden values of weights that are rounded to BF16 first.

    python rounded.py

Matrices and convolutions are synthetic and rounded; gains and biases stay as they are. So what a network of
narrow weights differs by is its own arithmetic alone, and not the rounding of its weights. Inputs hardly
vary: the epsilons of normalisations decide the result. The networks are the recipe's, computed in binary64
with the very same rounded weights; how far binary32 is from that stands in the metadata.
"""
import json
import pathlib
import sys

import numpy as np
import torch
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE / "../../../Training"))
from portrait.networks.unet import DenoisingUNet  # noqa: E402

UNET = dict(block_out_channels=[32, 64, 96, 128], layers_per_block=2, attention_heads=8,
            cross_attention_dim=48, norm_groups=32, time_embedding_dim=128, latent_channels=4,
            attention_levels=[True, True, True, False], motion_heads=8, temporal_heads=8)
CONFIGURATION = dict(unet=UNET, motion_tokens=dict(count=8, dim=16))
GAINS = dict(to_q=1.5, to_k=1.5, time_emb_proj=4.0)


def bits(name, count):
    h = 0xcbf29ce484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001b3 % 2 ** 64
    with np.errstate(over="ignore"):
        z = np.uint64(h) + (np.arange(count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def unit(name, count):
    return (bits(name, count) >> np.uint64(40)).astype(np.float32) * np.float32(2 ** -23) - np.float32(1)


def gauss(name, shape, scale):
    u = unit(name, 3 * int(np.prod(shape))).reshape(-1, 3)
    return ((u[:, 0] + u[:, 1]) + u[:, 2]).reshape(shape) * np.float32(scale)


def weight(network, key, shape):
    """As the project's synthetic weights, whose rules for these two networks are few; then rounded."""
    x = unit(f"mini/{network}/{key}", int(np.prod(shape))).reshape(shape)
    if key.endswith("bias"):
        return x * np.float32(0.1)
    if len(shape) == 1:
        return x * np.float32(0.2) + np.float32(1)
    parts = key.split(".")
    gain = GAINS.get(parts[-2], 1.0)
    samples = "downsamplers" in parts or "upsamplers" in parts
    if parts[-2] not in GAINS and not samples and len(shape) == 4 and shape[2] == 3:
        gain = 1.4
    x = x * np.float32(gain * np.sqrt(3.0 / float(np.prod(shape[1:]))))
    return torch.from_numpy(x).bfloat16().float().numpy()


def load(network, name):
    tables = {key for key, _ in network.named_buffers()}
    network.load_state_dict({
        key: value if key in tables else torch.from_numpy(weight(name, key, tuple(value.shape)))
        for key, value in network.state_dict().items()})
    return network.eval()


@torch.no_grad()
def main():
    inputs = {
        "unet/latents": dict(kind="gauss", shape=[16, 4, 16, 16], scale=0.002),
        "unet/token": dict(kind="gauss", shape=[1, 1, 48], scale=1.0),
        "unet/motion": dict(kind="gauss", shape=[16, 8, 16], scale=0.7),
        "unet/pose": dict(kind="gauss", shape=[16, 32, 16, 16], scale=0.001),
    }
    for key, value in inputs.items():
        value["id"] = f"in/mini/rounded/{key}"
    given = {key: torch.from_numpy(gauss(value["id"], value["shape"], value["scale"]))
             for key, value in inputs.items()}
    steps = [0] * 4 + [333] * 4 + [666] * 4 + [999] * 4
    inputs["unet/timesteps"] = dict(kind="list", values=steps)
    unet = load(DenoisingUNet(CONFIGURATION), "denoising_unet")
    # Waves of the time are computed in binary32, as everywhere.
    unet.time_embedding.linear_1.register_forward_pre_hook(
        lambda layer, x: (x[0].to(layer.weight.dtype),))

    def estimate(t):
        return unet.to(t)(
            given["unet/latents"].to(t), torch.tensor(steps), given["unet/token"].to(t)[0],
            given["unet/motion"].to(t), given["unet/pose"].to(t), None, frames=16).double()

    narrow, wide = estimate(torch.float32), estimate(torch.float64)
    measured = {"unet/eps": dict(
        rel_l2=float((narrow - wide).norm() / wide.norm()),
        max_abs=float((narrow - wide).abs().max()), ref_max=float(wide.abs().max()))}
    save_file({"out/unet/eps": wide.float().numpy()}, HERE / "rounded.safetensors", metadata=dict(
        weights="mini/<network>", rounded="bf16", inputs=json.dumps(inputs),
        fp32_vs_fp64=json.dumps(measured)))


main()
