"""A base and its ControlNets by hub id or folder."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from safetensors import SafetensorError
from torch import nn

from generation.diffusion import sd3_denoiser, unet_denoiser
from generation.diffusion.controlled_model import ControlledModel, shrink_of
from generation.diffusion.controlled_sd3 import ControlledSd3
from generation.diffusion.controlled_unet import ControlledUNet
from generation.diffusion.controls import Control
from generation.diffusion.loading import (
    Pipeline,
    load_network,
    load_pipeline,
    network_class,
    network_files,
    pipeline_files,
    weights_file,
)


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """A LoRA that is merged into the base, such as those for few steps (LCM, Hyper-SD)."""

    model: str
    """Hub id or local folder."""
    file: str
    """Name of the file in it, such as ``Hyper-SD15-8steps-CFG-lora.safetensors``."""
    weight: float = 1.0
    """Factor of what it adds."""
    revision: str = "main"
    """Of the hub."""


def load_controlled(
    model: str,
    controls: Sequence[Control],
    *,
    revision: str = "main",
    adapter: Adapter | None = None,
    dtype: torch.dtype = torch.float32,
) -> ControlledModel:
    """Return a base with its ControlNets on the CPU.

    Args:
        model: Hub id or folder of the base: SD 1.x, SD 2.x, SDXL or SD3.
        controls: Those that are used; neighbours of one union share it.
        revision: Of the base, on the hub.
        adapter: Merged into the base.
        dtype: Of the weights; in 16 bits they need half of the memory from the beginning.

    Raises:
        ModelNotFound: If one of the models is neither here nor to be had.
        ValueError: If the base is of another kind, or a ControlNet does not fit it.
    """
    files = pipeline_files(model, revision=revision)
    pipeline = load_pipeline(files, dtype)
    names = [files.name]
    if adapter is not None:
        names.append(_merge(pipeline, adapter))
    kind = type(pipeline).__name__
    if "unet" in pipeline.components:
        return _with_unet(pipeline, controls, names, dtype)
    if kind.startswith("StableDiffusion3"):
        return _with_sd3(pipeline, controls, names, dtype)
    raise ValueError(f"base {model!r} is a {kind}: give one of SD 1.x, SD 2.x, SDXL or SD3")


def _merge(pipeline: Pipeline, adapter: Adapter) -> str:
    """Merge an adapter into a base and return its name with what is in it."""
    path, name = weights_file(adapter.model, adapter.file, revision=adapter.revision)
    try:
        pipeline.load_lora_weights(path.parent, weight_name=path.name, local_files_only=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ValueError(
            f"adapter {name} cannot be merged into a {type(pipeline).__name__}: give a LoRA for "
            f"this base ({_first_line(error)})"
        ) from error
    if not pipeline.get_active_adapters():  # diffusers only remarks that no key is known
        raise ValueError(
            f"adapter {name} has no weights for a {type(pipeline).__name__}: give a LoRA for it"
        )
    pipeline.fuse_lora(lora_scale=adapter.weight)
    pipeline.unload_lora_weights()
    return name


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(":.")


def _with_unet(
    pipeline: Pipeline, controls: Sequence[Control], names: list[str], dtype: torch.dtype
) -> ControlledModel:
    branches: list[nn.Module] = []
    weights: list[list[float]] = []
    for group in _groups(controls):
        branch, name = _branch(pipeline, group, dtype)
        branches.append(branch)
        names.append(name)
        weights.append([control.weight for control in group])
    levels = len(pipeline.unet.config["block_out_channels"])
    return ControlledUNet(
        pipeline,
        unet_denoiser.UNetDenoiser(pipeline.unet, branches),
        weights=weights,
        multiple=shrink_of(pipeline) * 2 ** (levels - 1),
        names=names,
    )


def _groups(controls: Sequence[Control]) -> list[list[Control]]:
    """Return the controls by network: neighbours with a mode and the same model share one."""
    groups: list[list[Control]] = []
    for control in controls:
        last = groups[-1][-1] if groups else None
        shared = last is not None and None not in (control.mode, last.mode)
        if shared and last is not None and control.model == last.model:
            groups[-1].append(control)
        else:
            groups.append([control])
    return groups


def _branch(
    pipeline: Pipeline, group: Sequence[Control], dtype: torch.dtype
) -> tuple[nn.Module, str]:
    from diffusers import ControlNetModel, ControlNetUnionModel

    model, modes = group[0].model, [control.mode for control in group if control.mode is not None]
    files = network_files(model, revision=group[0].revision)
    found = network_class(files)
    wanted = "ControlNetUnionModel" if modes else "ControlNetModel"
    if found != wanted:
        cure = "give its conditions a mode" if found == "ControlNetUnionModel" else "give no mode"
        raise ValueError(f"control {model!r} is a {found}, not a {wanted}: {cure}, or another one")
    if not modes:
        net = load_network(files, ControlNetModel, dtype)
        unet_denoiser.check_fit(pipeline.unet, net, model)
        return unet_denoiser.SingleControl(net), files.name
    union = load_network(files, ControlNetUnionModel, dtype)
    unet_denoiser.check_fit(pipeline.unet, union, model)
    count = int(union.config["num_control_type"])
    if len(set(modes)) < len(modes) or not all(0 <= mode < count for mode in modes):
        raise ValueError(f"control {model!r} has modes {modes}: give different ones below {count}")
    return unet_denoiser.UnionControl(union, modes), files.name


def _with_sd3(
    pipeline: Pipeline, controls: Sequence[Control], names: list[str], dtype: torch.dtype
) -> ControlledModel:
    from diffusers import SD3ControlNetModel

    nets = []
    for control in controls:
        files = network_files(control.model, revision=control.revision)
        if network_class(files) != "SD3ControlNetModel" or control.mode is not None:
            raise ValueError(
                f"control {control.model!r} is a {network_class(files)} with mode {control.mode}: "
                "an SD3 base wants an SD3ControlNetModel without a mode"
            )
        net = load_network(files, SD3ControlNetModel, dtype)
        sd3_denoiser.check_fit(pipeline.transformer, net, control.model)
        nets.append(net)
        names.append(files.name)
    return ControlledSd3(
        pipeline,
        sd3_denoiser.Sd3Denoiser(pipeline.transformer, nets),
        weights=[[control.weight] for control in controls],
        multiple=shrink_of(pipeline) * int(pipeline.transformer.config["patch_size"]),
        names=names,
    )
