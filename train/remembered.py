"""What a checkpoint remembers of its run, read before anything is built."""

import re
from inspect import Parameter, signature
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from networks.weights import UNREADABLE, misfit
from train.checkpointing import BEST, LAST

_STARTS = {"backbone_weights": None, "encoder_weights": None, "pretrained": False}
"""Arguments of networks, ours, timm's and segmentation_models_pytorch's, that fetch or read what
training starts from, and their values that do not."""


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint of ours; its tensors stay on disk.

    Raises:
        ValueError: If there is none at `path`, or the file is something else.
    """
    if not path.is_file():
        raise ValueError(_no_checkpoint(path))
    try:
        content = torch.load(path, weights_only=True, map_location="cpu", mmap=True)
    except UNREADABLE as error:
        raise ValueError(f"{path} is no checkpoint, or a broken one") from error
    if not isinstance(content, dict) or "pytorch-lightning_version" not in content:
        raise ValueError(
            f"{path} is no checkpoint of a run: weights alone enter by the `weights` argument of a "
            "network, --model.net.weights for one"
        )
    return content


def remembered_model(checkpoint: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the model's class path and arguments, for a configuration that names none.

    Files and downloads that the network started from are forgotten: the checkpoint holds all
    weights, and is taken to machines where those files are not. A network that cannot be built
    without a file, whose sizes it reads from it (SAM-HQ), reads them from the checkpoint.

    Raises:
        ValueError: If the checkpoint names no model.
    """
    arguments = dict(checkpoint.get("hyper_parameters", {}))
    arguments.pop("_instantiator", None)
    if "_class_path" not in arguments:
        raise ValueError(f"{path} names no model: give a --config that does")
    return {
        "class_path": arguments.pop("_class_path"),
        "init_args": _without_files(arguments, path),
    }


def remembered_size(checkpoint: dict[str, Any]) -> tuple[int, int] | None:
    """Return the (height, width) that the network was trained at."""
    for state in checkpoint.values():
        if isinstance(state, dict) and "trained_size" in state:
            height, width = state["trained_size"]
            return height, width
    return None


def refuse_other_network(model: LightningModule, path: Path) -> None:
    """Compare the tensors of a checkpoint with those of a model.

    Raises:
        ValueError: If the model cannot load them.
    """
    own = model.state_dict()
    why = misfit(_of_network(read_checkpoint(path)["state_dict"]), _of_network(own))
    if why and model.strict_loading:
        raise ValueError(f"the weights of {path} do not fit the configuration: {why}")


def _of_network(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors under the names of files that hold the network alone."""
    return {re.sub(r"^net\.(net\.)?", "", key): value for key, value in state.items()}


def _no_checkpoint(path: Path) -> str:
    last = path.with_name(LAST)
    if path.name == BEST and last.is_file():
        return (
            f"no checkpoint at {path}: it is written at a validation, and that run has had none "
            f"(fewer steps than trainer.val_check_interval?): give --ckpt_path {last}"
        )
    return f"no checkpoint at {path}: look into the checkpoints/ folder of the run"


def _without_files(branch: Any, path: Path) -> Any:
    if isinstance(branch, list):
        return [_without_files(item, path) for item in branch]
    if not isinstance(branch, dict):
        return branch
    found = {key: _without_files(value, path) for key, value in branch.items()}
    found.update({key: start for key, start in _STARTS.items() if key in found})
    if isinstance(found.get("weights"), str):
        found["weights"] = None
    arguments = branch.get("init_args")
    if isinstance(arguments, dict) and isinstance(arguments.get("weights"), str):
        parameter = signature(resolve_name(branch["class_path"])).parameters.get("weights")
        if parameter is not None and parameter.default is Parameter.empty:
            found["init_args"]["weights"] = str(path)
    return found
