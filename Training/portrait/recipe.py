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

from . import published, training
from .faces import dataset, videos
from .faces.dataset import Faces
from .latents import Latents
from .networks.autoencoders import VAE, TinyAutoencoder
from .networks.faces import MotionEncoder, MotionExtractor
from .portraits import Painter
from .stages import autoencoder, faces, images, measure

# Stages that wait for each other; the two lanes run side by side.
LANES = [["data", "tiny", "latents", "stage1", "stage2", "stage3"],
         ["image_encoder", "encoder", "extractor", "decoder", "measure", "vae"]]
NEEDS = {"image_encoder": "data", "decoder": "latents", "stage1": "image_encoder", "stage2": "encoder"}


class Recipe:
    """One configuration, its options, and a folder for everything."""

    def __init__(self, folder: str, configuration: str, options: str, begin: str | None = None):
        self.folder = Path(folder)
        self.configuration = json.loads(Path(configuration).read_text())
        self.options = json.loads(Path(options).read_text())
        begin = begin or self.options.get("begin")
        self.begin = Path(begin) if begin else None  # a folder of published weights
        self.folder.mkdir(parents=True, exist_ok=True)

    # Data

    @property
    def data_folder(self) -> Path:
        return Path(os.environ.get("PORTRAIT_DATA", self.folder / "data"))

    def data(self) -> None:
        if "videos" in self.options:
            return self._clips()
        d, size = self.options["data"], self.configuration["image_size"]
        dataset.build(self.data_folder / "held-out", d["held_out"], 8, 77, size)
        dataset.build(self.data_folder / "faces", d["people"], d["each"], d["seed"], size,
                      mirrored=d.get("mirrored", False))
        self.films()

    def films(self) -> Faces:
        """Rendered sequences: people who talk, look about and blink."""
        d, size = self.options["data"], self.configuration["image_size"]
        return dataset.build(self.data_folder / "sequences", d["sequences"], d["frames"],
                             d["seed"] + 1, size, sequences=True, mirrored=d.get("mirrored", False))

    def _clips(self) -> None:
        v, e = self.options["videos"], self.configuration["motion_extractor"]
        extractor = self.extractor()
        for name, source in (("held-out", v["held_out"]), ("faces", v["folder"])):
            videos.build(self.data_folder / name, source, extractor, self.configuration["image_size"],
                         v["frames"], v["rate"], e["input_size"])

    def sequences(self) -> tuple[Faces, Latents]:
        """What stage 3 learns from; of videos, the very clips of the stages before."""
        if "videos" in self.options:
            return self.faces(), self.latents()
        return self.films(), self.latents("sequences")

    def _data_set(self, name: str) -> Faces:
        kind = videos.Clips if "videos" in self.options else Faces
        return kind(self.data_folder / name)

    def faces(self) -> Faces:
        return self._data_set("faces")

    def held_out(self) -> Faces:
        return self._data_set("held-out")

    def latents(self, name: str = "faces") -> Latents:
        c = self.configuration
        return Latents(self.folder / f"latents-{name}.f16", self._data_set(name),
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

    def network(self, stage: str, name: str, model: torch.nn.Module) -> torch.nn.Module:
        """A finished network: what `stage` made of it, or else the published one."""
        if (self.folder / f"{stage}.pt").exists():
            return self.average(stage, **{name: model})[0]
        if not published.load(self.begin, name, model):
            raise SystemExit(f"{name} is needed: run the stage '{stage.replace('-', '_')}' in "
                             f"{self.folder}, or --begin with a folder that has {name}.safetensors")
        return model.to(training.device()).eval().requires_grad_(False)

    def has(self, network: str) -> bool:
        """Whether a network that not every model has is there: trained, or published."""
        begun = self.begin and (self.begin / f"{network}.safetensors").exists()
        return bool(begun) or (self.folder / f"{network}.pt").exists()

    def autoencoder(self):
        """Whose latents are trained on."""
        return self.vae() if self.configuration["portrait_encoder"] == "vae" else self.tiny()

    def vae(self) -> VAE:
        return self.network("vae", "vae", VAE(self.configuration["vae"]))

    def tiny(self) -> TinyAutoencoder:
        c = self.configuration
        stage = "decoder" if (self.folder / "decoder.pt").exists() else "tiny"
        return self.network(stage, "taesd", TinyAutoencoder(
            c["taesd"], c["vae"]["latent_channels"]))

    def encoder(self) -> MotionEncoder:
        return self.network("encoder", "motion_encoder", MotionEncoder(self.configuration))

    def extractor(self) -> MotionExtractor:
        return self.network("extractor", "motion_extractor",
                            MotionExtractor(self.configuration["motion_extractor"]))

    def measurer(self) -> measure.Measurer:
        return self.average("measure", measurer=measure.Measurer())[0]

    def new_painter(self) -> Painter:
        """One that has learnt nothing, or what is published in `begin`'s folder."""
        painter = Painter(self.configuration, self.options.get("motion") == "learnt")
        for name, network in painter.named_children():
            published.load(self.begin, name, network)
        return painter.to(training.device())

    @functools.cache  # while it is still being trained, all that is exported comes from one moment
    def painter(self) -> Painter:
        for stage in ("stage3", "stage2", "stage1"):
            if (self.folder / f"{stage}.pt").exists():
                return self.average(stage, painter=self.new_painter())[0]
        if self.begin:
            return self.new_painter().eval().requires_grad_(False)
        raise SystemExit(f"no denoiser has been trained in {self.folder}")

    # Stages

    def run(self, stage: str) -> None:
        c, folder, o = self.configuration, self.folder, dict(self.options)
        if self.begin and isinstance(o.get(stage), dict):
            o[stage] = dict(o[stage], begin=str(self.begin))
        if stage == "data":
            return self.data()
        if stage == "tiny":
            autoencoder.train_tiny(folder, c, self.faces(), self.held_out(), o[stage])
            return None
        if stage == "decoder":
            autoencoder.train_decoder(folder, self.tiny(), self.faces(), self.held_out(), o[stage])
            return None
        if stage == "latents":
            self.latents("held-out").fill(self.autoencoder(), 64)
            return self.latents().fill(self.autoencoder(), o["latents"].get("people"))
        if stage == "image_encoder":
            faces.train_image_encoder(folder, c, self.faces(), self.held_out(), o[stage])
            return None
        if stage in ("encoder", "extractor"):
            train = dict(encoder=faces.train_encoder, extractor=faces.train_extractor)[stage]
            train(folder, c, self.faces(), self.films(), self.held_out(), o[stage])
            return None
        if stage == "vae":
            autoencoder.train_full(
                folder, c, self.tiny(), self.faces(), self.held_out(), o[stage])
            return None
        if stage == "measure":
            measure.train(folder, self.faces(), self.latents(), self.held_out(), self.tiny(), o[stage])
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
        learns = self.options.get("motion") == "learnt"
        crop = self.configuration["motion_encoder"]["input_size"] if learns else None
        pairs = images.Pairs(self.faces(), self.latents(), 10 + rank, crop, o.get("targets", 4))
        held = images.Pairs(self.held_out(), self.latents("held-out"), 0, crop)
        painter = self.new_painter()
        decoder, encoder = self.autoencoder(), None
        if stage == "stage1":
            if not self.begin:
                self.average("image-encoder", image_encoder=painter.image_encoder)
            painter.requires_grad_(True).train()
        if stage == "stage2":
            # The last weights, not their average, which lags behind when a stage was short.
            if not self.begin or (self.folder / "stage1.pt").exists():
                self.average("stage1", "models", painter=painter)
            painter.requires_grad_(True).train()
            if "decoded" in o and not learns:
                encoder = self.encoder()
        torch.manual_seed(100 + rank)
        images.train(self.folder, self.configuration, painter, pairs, held, o, stage,
                     decoder, encoder)


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
    parser.add_argument("--begin", help="a folder of weights that stages begin with, not at nothing")
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", 1)))
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    if a.stage == "all":
        return run_all(sys.argv[2:])
    training.engine()
    Recipe(a.folder, a.configuration, a.options, a.begin).run(a.stage)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("stopped; the same command goes on from there") from None
