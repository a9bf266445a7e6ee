"""Weights under the names of the published checkpoints, one safetensors file per network."""
from pathlib import Path

from safetensors.torch import load_file
from torch import nn


def load(folder: str | Path | None, name: str, network: nn.Module) -> bool:
    """Takes a network's weights from a folder, and says whether it has them.

    Weights that the file lacks stay: temporal modules, and tables that nobody stores.
    """
    file = Path(folder or "") / f"{name}.safetensors"
    if not folder or not file.exists():
        return False
    weights = {key: value.float() for key, value in load_file(file).items()}
    wrong = network.load_state_dict(weights, strict=False).unexpected_keys
    if wrong:
        raise SystemExit(f"{file}: '{wrong[0]}' is not a weight of this network")
    return True
