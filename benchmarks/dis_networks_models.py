"""The networks of `configs/dis` with the losses of their recipes, random weights throughout.

An official network stands in the place of ours inside the same model: it sees the same normalised
image and learns by the same loss.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import ArgumentParser
from lightning.pytorch import LightningModule
from torch import nn

from benchmarks.dis_official import Official
from lightningmodules.dis import DIS
from networks.adapter import ImageInput

CONFIGS = Path(__file__).parents[1] / "configs" / "dis"
NET = "net.init_args.net.init_args"
"""Where the arguments of a network lie."""
Changes = Mapping[str, object]
"""To the arguments of `DIS` in a configuration: by dots, with numbers in lists."""
RANDOM: Mapping[str, Changes] = {
    "isnet": {"loss.init_args.losses.1.init_args.encoder.init_args.weights": None},
    "birefnet": {f"{NET}.backbone": {"class_path": "networks.swin.SwinL"}},
    "udun": {f"{NET}.backbone_weights": None},
    "fp_dis": {f"{NET}.pretrained": False},
}
"""What leaves out the weights that a recipe begins with; of IS-Net, those of its mask encoder."""


def model_of(config: str, changes: Changes | None = None) -> DIS:
    """Return the model of a configuration, in training.

    Its optimizer has no schedule: a step costs the same at any rate.

    Args:
        config: Name of a file in ``configs/dis``.
        changes: To it, after those of `RANDOM`.
    """
    recipe = yaml.safe_load((CONFIGS / f"{config}.yaml").read_text())["model"]
    for path, value in {**RANDOM.get(config, {}), **(changes or {})}.items():
        _put(recipe["init_args"], path.split("."), value)
    recipe["init_args"] |= {"skeletons": None, "schedule": None}
    torch.manual_seed(0)  # of the weights
    parser = ArgumentParser()
    parser.add_argument("--model", type=LightningModule)
    model: DIS = parser.instantiate(parser.parse_object({"model": recipe})).model
    return model.train()


def put_official(model: DIS, name: str, folder: Path) -> Official:
    """Put an official network in the place of the model's, and return it.

    Args:
        model: Of `model_of`.
        name: Of `benchmarks.dis_official.OFFICIAL`.
        folder: Of the checkouts.
    """
    assert isinstance(model.net, ImageInput)
    model.net.net = Official(name, folder).train()
    return model.net.net


def own_network(model: DIS) -> nn.Module:
    """Return the network of a model without what feeds it."""
    return model.net.net if isinstance(model.net, ImageInput) else model.net


def _put(arguments: Any, path: list[str], value: object) -> None:
    *folders, last = path
    for name in folders:
        is_list = isinstance(arguments, list)
        arguments = arguments[int(name)] if is_list else arguments.setdefault(name, {})
    arguments[last] = value
