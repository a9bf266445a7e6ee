"""A checkpoint as the runtime reads it: one f16 safetensors file per network, and config.json."""
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

TABLES = ("num_batches_tracked", "pos_encoder.pe", "idx_tensor")


def export(recipe, folder: str | Path) -> None:
    """Writes the averaged weights under the published names; tables are left out."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    painter = recipe.painter()
    networks = dict(
        denoising_unet=painter.denoising_unet, reference_unet=painter.reference_unet,
        pose_guider=painter.pose_guider, motion_extractor=recipe.extractor(),
        motion_encoder=recipe.encoder(), image_encoder=painter.image_encoder,
        taesd=recipe.tiny())
    if recipe.has("vae"):
        networks["vae"] = recipe.vae()
    # Of the full autoencoder only what is used: it decodes, and the tiny one has encoded.
    unused = () if recipe.configuration["portrait_encoder"] == "vae" else ("encoder.", "quant_conv.")
    for name, network in networks.items():
        weights = {
            key: value.half().contiguous() for key, value in network.state_dict().items()
            if not key.endswith(TABLES) and key != "pe"
            and not (name == "vae" and key.startswith(unused))}
        save_file(weights, folder / f"{name}.safetensors",
                  {"format": "pt", "license": "Apache-2.0", "data": "rendered faces"})
    (folder / "config.json").write_text(json.dumps(recipe.configuration, indent=1) + "\n")
    total = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    print(f"{folder}: {total:.1f} MB")


def rounded(network: torch.nn.Module) -> torch.nn.Module:
    """The network with the weights that the file has."""
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.copy_(value.half().float())
    return network


def last(y: torch.Tensor) -> torch.Tensor:
    """Channels last, as the runtime has them."""
    return y.permute(0, 2, 3, 1).contiguous()


def middle(picture: torch.Tensor) -> torch.Tensor:
    """The half of rows and columns where the face is: a whole picture says no more of a decoder."""
    side = picture.shape[2] // 4
    return last(picture[:, :, side:-side, side:-side])


def fixture(recipe, path: str | Path, frames: int = 8) -> None:
    """A small fixture: what PyTorch makes of the exported weights, for the runtime's tests.

    Inputs are stored with the outputs, channels last as the runtime has them.
    """
    import numpy as np

    from . import conditions, schedule
    from .faces import identity, motion, renderer
    from .stages import faces
    from . import geometry, training

    c = recipe.configuration
    random = np.random.default_rng(11)
    people = np.repeat(identity.samples(1, 11), 2, 0)
    motions = np.stack([motion.rest(random), motion.sample(random)])
    pictures = renderer.render(people, motions, c["image_size"])
    images = training.to_tensor(pictures)
    painter, tiny = rounded(recipe.painter()), rounded(recipe.tiny())
    encoder, extractor = rounded(recipe.encoder()), rounded(recipe.extractor())
    image_encoder = painter.image_encoder
    torch.manual_seed(0)
    with torch.no_grad():
        latent = tiny.encode(images[:1])
        found = extractor(faces.extractor_input(images, c["motion_extractor"]["input_size"]))
        rest = torch.from_numpy(renderer.rest_keypoints(people))
        points = geometry.of_motion(rest, torch.from_numpy(motions))
        crops = faces.faces_of(images[1:], points[1:], c["motion_encoder"]["input_size"], 0)
        tokens = encoder(crops)
        pixels = conditions.image_input(images[:1], c["image_encoder"]["image_size"])
        token = image_encoder(pixels)
        side, channels = c["latent_size"], c["unet"]["latent_channels"]
        x = torch.randn(frames, channels, side, side)
        t = torch.tensor(schedule.TIMESTEPS[::-1]).repeat_interleave(frames // 4)
        motion_in = tokens.repeat(frames, 1, 1)
        pose = painter.pose(points[1:]).repeat(frames, 1, 1, 1)
        banks = [painter.banks(latent, token)]
        estimate = painter.denoising_unet(x, t, token, motion_in, pose, banks, frames, True)
        pictures_of = {"out/picture": middle(tiny.decode(latent))}
        if recipe.has("vae"):
            pictures_of["out/full-picture"] = middle(rounded(recipe.vae()).decode(latent))
    save_file({
        "in/pictures": torch.from_numpy(pictures), "in/faces": last(crops), "in/pixels": last(pixels),
        "in/keypoints": points[1:].contiguous(), "in/latents": last(x),
        "out/latent": last(latent), "out/tokens": tokens, "out/token": token,
        "out/keypoints": faces.found_keypoints(found).contiguous(),
        "out/pose": last(pose[:1]), "out/estimate": last(estimate), **pictures_of,
    }, Path(path), {"timesteps": ",".join(map(str, t.tolist()))})


def main() -> None:
    import argparse

    from .recipe import Recipe

    here = Path(__file__).parent.parent
    parser = argparse.ArgumentParser(prog="portrait.export", description=__doc__)
    parser.add_argument("--folder", default="runs/small")
    parser.add_argument("--to", default=str(here.parent / "Models/small"))
    parser.add_argument("--configuration", default=str(here / "configurations/small.json"))
    parser.add_argument("--options", default=str(here / "configurations/small-training.json"))
    parser.add_argument("--begin", help="a folder of weights, for what was not trained in the folder")
    a = parser.parse_args()
    recipe = Recipe(a.folder, a.configuration, a.options, a.begin)
    export(recipe, a.to)
    fixture(recipe, Path(a.to) / "fixture.safetensors")


if __name__ == "__main__":
    main()
