"""Published diffusion models with random weights, in the hub's layout, without a download.

The time of a kernel does not depend on the weights; that the results are finite is checked where
they are used. A network is built without memory and filled part by part in the dtype asked for, and
written before the next is built, so the largest network decides on the memory.
"""

import json
import string
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from benchmarks import hub_configs
from benchmarks.hub_configs import Base, Config

CPU = torch.device("cpu")
CONTROLS = ("canny", "seg")


def randomised(
    build: Callable[[], nn.Module], *, dtype: torch.dtype, device: torch.device
) -> nn.Module:
    """Return a network with normal weights of a deviation that keeps the scale of its inputs.

    Zero layers, with which ControlNets begin, are filled too.

    Args:
        build: Makes it, without memory.
        dtype: Of its weights.
        device: Where they are drawn and stay.

    Raises:
        ValueError: If it has a buffer whose content is not known here.
    """
    with torch.device("meta"):
        net = build()
    net = net.to(dtype).to_empty(device=device).eval().requires_grad_(False)
    generator = torch.Generator(device).manual_seed(0)
    for name, parameter in net.named_parameters():
        if parameter.ndim > 1:
            spread = parameter[0].numel() ** -0.5
            parameter.normal_(std=spread, generator=generator)
        else:
            parameter.fill_(float("norm" in name and name.endswith("weight")))
    for name, buffer in net.named_buffers():
        if name.endswith("position_ids"):
            buffer.copy_(torch.arange(buffer.shape[-1], device=device).expand_as(buffer))
        elif name.endswith("pos_embed"):  # sines; any values of their size do
            buffer.normal_(std=0.7, generator=generator)
        else:
            raise ValueError(f"buffer {name!r} of {type(net).__name__}: say here what it holds")
    return net


def write_base(
    base: Base,
    folder: Path,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device = CPU,
) -> Path:
    """Write a base and its ControlNets, ``FOLDER/canny`` and ``FOLDER/seg``; return the base's."""
    home = folder / "base"
    index: dict[str, object] = {"_class_name": base.pipeline, **base.index}
    is_transformer = "num_layers" in base.net
    part = "transformer" if is_transformer else "unet"

    def write(build: Callable[[], nn.Module], place: Path) -> None:
        saved: Any = randomised(build, dtype=dtype, device=device)
        saved.save_pretrained(place)

    kind = diffusers.SD3Transformer2DModel if is_transformer else diffusers.UNet2DConditionModel
    write(lambda: kind(**base.net), home / part)
    index[part] = ["diffusers", kind.__name__]
    for name in CONTROLS:
        write(lambda: _control(base), folder / name)
    write(lambda: diffusers.AutoencoderKL(**base.vae), home / "vae")
    index["vae"] = ["diffusers", "AutoencoderKL"]
    for number, config in enumerate(base.texts):
        ending = f"_{number + 1}" if number else ""
        pooled = bool(number) or is_transformer
        text = CLIPTextModelWithProjection if pooled else CLIPTextModel
        write(lambda c=config, t=text: t(_text_config(c)), home / f"text_encoder{ending}")
        letters_tokenizer(folder / "words").save_pretrained(home / f"tokenizer{ending}")
        index[f"text_encoder{ending}"] = ["transformers", text.__name__]
        index[f"tokenizer{ending}"] = ["transformers", "CLIPTokenizer"]
    name, settings = base.scheduler
    getattr(diffusers, name)(**settings).save_pretrained(home / "scheduler")
    index["scheduler"] = ["diffusers", name]
    (home / "model_index.json").write_text(json.dumps(index))
    return home


def write_zero123(
    folder: Path,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device = CPU,
) -> Path:
    """Write a Zero-1-to-3 at its published size; return its folder."""
    from networks.zero123 import CCProjection

    parts: Mapping[str, tuple[str, Callable[[], nn.Module]]] = {
        "unet": ("diffusers", lambda: diffusers.UNet2DConditionModel(**hub_configs.ZERO123_UNET)),
        "vae": ("diffusers", lambda: diffusers.AutoencoderKL(**hub_configs.ZERO123_VAE)),
        "image_encoder": (
            "transformers",
            lambda: CLIPVisionModelWithProjection(CLIPVisionConfig(**hub_configs.ZERO123_VISION)),
        ),
        "cc_projection": ("pipeline_zero1to3", CCProjection),
    }
    index: dict[str, object] = {"_class_name": "Zero1to3StableDiffusionPipeline"}
    for name, (library, build) in parts.items():
        net: Any = randomised(build, dtype=dtype, device=device)
        net.save_pretrained(folder / name)
        index[name] = [library, type(net).__name__]
    diffusers.DDIMScheduler(**hub_configs.ZERO123_SCHEDULER).save_pretrained(folder / "scheduler")
    index["scheduler"] = ["diffusers", "DDIMScheduler"]
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def _control(base: Base) -> nn.Module:
    if "num_layers" in base.net:
        # half of the base's blocks, what diffusers makes of a transformer unless told otherwise
        return diffusers.SD3ControlNetModel(**{**base.net, "num_layers": 12})
    unet = diffusers.UNet2DConditionModel(**base.net)
    return diffusers.ControlNetModel.from_unet(
        unet, conditioning_embedding_out_channels=base.hint, load_weights_from_unet=False
    )


def _text_config(config: Config) -> CLIPTextConfig:
    return CLIPTextConfig(**config, bos_token_id=0, eos_token_id=1, pad_token_id=1)


def letters_tokenizer(folder: Path) -> CLIPTokenizer:
    """Return a tokenizer of single letters: what is said does not decide on the time."""
    letters = [*string.ascii_lowercase, *string.digits, *",."]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{each}</w>" for each in letters)]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {word: number for number, word in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=77)
