"""The window that device-check measures, by PyTorch itself: eager, channels last, compiled.

    python Tests/DeviceCheck/window.py DEVICE MODEL TIMES

One JSON object a line. The network is the recipe's, with random weights: times do not depend on them.
"""
import json
import pathlib
import statistics
import sys
import time

import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Training"))
from portrait.networks.unet import DenoisingUNet  # noqa: E402

device, model, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
# There is no mini in the recipe.
name = "full" if model == "full" else "small"
configuration = json.loads((ROOT / f"Training/configurations/{name}.json").read_text())
dtype = torch.float32 if device == "cpu" else torch.float16
unet, chunk = configuration["unet"], configuration["frames_per_chunk"]
frames, side = chunk * configuration["chunks_in_window"], configuration["latent_size"]


def wait():
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    elif device.startswith("xpu"):
        torch.xpu.synchronize()


def measure(way, network, arguments):
    def run():
        # What a window waits for: its estimate on the processor.
        network(*arguments, frames=frames).float().cpu()

    start = time.perf_counter()
    run()
    wait()
    first = time.perf_counter() - start
    for _ in range((times + 3) // 4):
        run()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    line = dict(step="pytorch", way=way, model=name, torch=torch.__version__, times=times,
                precision={torch.float16: "f16", torch.float32: "f32"}[dtype],
                median_ms=float(f"{1e3 * statistics.median(seconds):.3g}"),
                fastest_ms=float(f"{1e3 * min(seconds):.3g}"), first_s=float(f"{first:.3g}"))
    if device.startswith("cuda"):
        line["peak_gb"] = float(f"{torch.cuda.max_memory_allocated() / 1e9:.3g}")
    print(json.dumps(line, sort_keys=True), flush=True)


@torch.no_grad()
def main():
    torch.backends.cudnn.benchmark = True
    with torch.device(device):
        network = DenoisingUNet(configuration).to(dtype).eval()
        network.time_embedding.linear_1.register_forward_pre_hook(lambda _, x: (x[0].to(dtype),))

        def numbers(*shape):
            return torch.randn(*shape, dtype=dtype)

        banks = []
        for level, width in enumerate(unet["block_out_channels"]):
            if unet["attention_levels"][level]:
                banks.append((width, (side >> level) ** 2))
        layers = unet["layers_per_block"]
        top = (unet["block_out_channels"][-1], (side >> (len(unet["block_out_channels"]) - 1)) ** 2)
        shapes = ([bank for bank in banks for _ in range(layers)] + [top]
                  + [bank for bank in reversed(banks) for _ in range(layers + 1)])
        bank = [numbers(1, tokens, width) for width, tokens in shapes]
        arguments = [
            numbers(frames, unet["latent_channels"], side, side),
            torch.arange(frames) // chunk * 333, numbers(1, unet["cross_attention_dim"]),
            numbers(frames, configuration["motion_tokens"]["count"],
                    configuration["motion_tokens"]["dim"]),
            numbers(frames, unet["block_out_channels"][0], side, side), [bank]]
    measure("eager", network, arguments)
    network = network.to(memory_format=torch.channels_last)
    for i in (0, 4):
        arguments[i] = arguments[i].to(memory_format=torch.channels_last)
    measure("channels last", network, arguments)
    measure("compiled", torch.compile(network), arguments)


main()
