"""The whole recipe, or one stage of it: `python -m portrait.recipe all --folder runs/small`.

Every stage goes on where it stopped and is skipped once it is done.
"""
import argparse
import functools
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import torch

from . import training
from .faces import dataset
from .faces.dataset import Faces
from .latents import Latents
from .networks.autoencoders import VAE, TinyAutoencoder
from .networks.faces import MotionEncoder, MotionExtractor
from .portraits import Painter
from .stages import autoencoder, faces, images

# Stages that wait for each other; the two lanes run side by side.
LANES = [["data", "tiny", "latents", "stage1", "stage2", "stage3"],
         ["image_encoder", "encoder", "extractor", "vae"]]
NEEDS = {"image_encoder": "data", "vae": "tiny", "stage1": "image_encoder", "stage2": "encoder"}


class Recipe:
    """One configuration, its options, and a folder for everything."""

    def __init__(self, folder: str, configuration: str, options: str):
        self.folder = Path(folder)
        self.configuration = json.loads(Path(configuration).read_text())
        self.options = json.loads(Path(options).read_text())
        self.folder.mkdir(parents=True, exist_ok=True)

    # Data

    @property
    def data_folder(self) -> Path:
        return Path(os.environ.get("PORTRAIT_DATA", self.folder / "data"))

    def data(self) -> None:
        d, size = self.options["data"], self.configuration["image_size"]
        dataset.build(self.data_folder / "held-out", d["held_out"], 8, 77, size)
        dataset.build(self.data_folder / "faces", d["people"], d["each"], d["seed"], size)

    def sequences(self) -> Faces:
        d, size = self.options["data"], self.configuration["image_size"]
        return dataset.build(self.data_folder / "sequences", d["sequences"], d["frames"],
                             d["seed"] + 1, size, sequences=True)

    def faces(self) -> Faces:
        return Faces(self.data_folder / "faces")

    def held_out(self) -> Faces:
        return Faces(self.data_folder / "held-out")

    def latents(self, name: str = "faces") -> Latents:
        c = self.configuration
        return Latents(self.folder / f"latents-{name}.f16", Faces(self.data_folder / name),
                       c["vae"]["latent_channels"], c["latent_size"])

    # Finished networks

    def average(self, stage: str, part: str = "average", /, **models) -> list:
        """Loads a stage's averaged weights (or its last ones: `models`)."""
        state = torch.load(self.folder / f"{stage}.pt", weights_only=True,
                           map_location=training.device())[part]
        for name, model in models.items():
            model.load_state_dict(state[name])
            model.to(training.device()).eval().requires_grad_(False)
        return list(models.values())

    def vae(self) -> VAE:
        return self.average("vae", vae=VAE(self.configuration["vae"]))[0]

    def tiny(self) -> TinyAutoencoder:
        c = self.configuration
        return self.average("tiny", taesd=TinyAutoencoder(
            c["taesd"], c["vae"]["latent_channels"]))[0]

    def encoder(self) -> MotionEncoder:
        return self.average("encoder", motion_encoder=MotionEncoder(self.configuration))[0]

    def extractor(self) -> MotionExtractor:
        e = self.configuration["motion_extractor"]
        return self.average("extractor", motion_extractor=MotionExtractor(e))[0]

    @functools.cache  # while it is still being trained, all that is exported comes from one moment
    def painter(self) -> Painter:
        for stage in ("stage3", "stage2", "stage1"):
            if (self.folder / f"{stage}.pt").exists():
                return self.average(stage, painter=Painter(self.configuration))[0]
        raise SystemExit(f"no denoiser has been trained in {self.folder}")

    # Stages

    def run(self, stage: str) -> None:
        c, o, folder = self.configuration, self.options, self.folder
        if stage == "data":
            return self.data()
        if stage == "tiny":
            autoencoder.train_tiny(folder, c, self.faces(), self.held_out(), o[stage])
            return None
        if stage == "latents":
            self.latents("held-out").fill(self.tiny(), 64)
            return self.latents().fill(self.tiny(), o["latents"]["people"])
        if stage in ("image_encoder", "encoder", "extractor"):
            train = dict(image_encoder=faces.train_image_encoder, encoder=faces.train_encoder,
                         extractor=faces.train_extractor)[stage]
            train(folder, c, self.faces(), self.held_out(), o[stage])
            return None
        if stage == "vae":
            autoencoder.train_full(
                folder, c, self.tiny(), self.faces(), self.held_out(), o[stage])
            return None
        if stage in ("stage1", "stage2"):
            return self._images(stage)
        if stage == "stage3":
            from .stages import streams
            return streams.run(self, o[stage])
        raise SystemExit(f"no stage '{stage}': " + ", ".join(sum(LANES, [])))

    def _images(self, stage: str) -> None:
        torch.manual_seed(7)
        o = dict(self.options[stage])
        rank = int(os.environ.get("RANK", 0))
        pairs = images.Pairs(self.faces(), self.latents(), 10 + rank)
        held = images.Pairs(self.held_out(), self.latents("held-out"), 0)
        painter = Painter(self.configuration).to(training.device())
        decoder = encoder = None
        if stage == "stage1":
            self.average("image-encoder", image_encoder=painter.image_encoder)
            painter.requires_grad_(True).train()
        if stage == "stage2":
            # The last weights, not their average, which lags behind when a stage was short.
            self.average("stage1", "models", painter=painter)
            painter.requires_grad_(True).train()
            if "decoded" in o:
                decoder, encoder = self.tiny(), self.encoder()
                o["face_size"] = self.configuration["motion_encoder"]["input_size"]
        torch.manual_seed(100 + rank)
        images.train(self.folder, self.configuration, painter, pairs, held, o, stage,
                     decoder, encoder)


def start_processes() -> None:
    """Joins the other processes of this run, when accelerate or torchrun has started several."""
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


def run_all(arguments) -> None:
    """Both lanes, each stage in a process of its own."""
    done = {name: threading.Event() for name in sum(LANES, [])}
    failed = []

    def lane(stages):
        for stage in stages:
            need = NEEDS.get(stage)
            while need and not done[need].wait(1) and not failed:
                pass
            if failed:
                return
            command = [sys.executable, "-m", "portrait.recipe", stage, *arguments]
            if subprocess.run(command).returncode:
                failed.append(stage)
                return
            done[stage].set()

    lanes = [threading.Thread(target=lane, args=(stages,)) for stages in LANES]
    for thread in lanes:
        thread.start()
    for thread in lanes:
        thread.join()
    if failed:
        raise SystemExit(f"{failed[0]} failed; the same command goes on from there")


def main() -> None:
    here = Path(__file__).parent.parent
    parser = argparse.ArgumentParser(prog="portrait.recipe", description=__doc__)
    parser.add_argument("stage", help="all, or " + ", ".join(sum(LANES, [])))
    parser.add_argument("--folder", default="runs/small")
    parser.add_argument("--configuration", default=str(here / "configurations/small.json"))
    parser.add_argument("--options", default=str(here / "configurations/small-training.json"))
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", 1)))
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    if a.stage == "all":
        return run_all(sys.argv[2:])
    start_processes()
    Recipe(a.folder, a.configuration, a.options).run(a.stage)


if __name__ == "__main__":
    main()
