"""Trained networks as folders in the hub's layout."""

from copy import deepcopy
from pathlib import Path

import torch
from torch import nn
from transformers import PreTrainedTokenizerFast

from generation.diffusion.loading import Network, Pipeline
from generation.diffusion.sampler_table import Scheduler
from networks.tiny_diffusion import TextToImage


def save_pipeline(
    folder: Path, net: TextToImage, tokenizer: PreTrainedTokenizerFast, scheduler: Scheduler
) -> None:
    """Write a ``StableDiffusionPipeline`` and a folder ``controlnet_NAME`` for each ControlNet.

    Weights are safetensors in float16, half the size on disk; loaders of ours return them to
    float32.

    Args:
        folder: Made where missing.
        net: What was trained.
        tokenizer: That its text encoder was trained with.
        scheduler: With the noise levels that it was trained at.

    Raises:
        OSError: If something cannot be written.
    """
    from diffusers import StableDiffusionPipeline

    kind: Pipeline = StableDiffusionPipeline
    kind(
        vae=_halved(net.vae),
        text_encoder=_halved(net.text_encoder),
        tokenizer=tokenizer,
        unet=_halved(net.unet),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    for name, control in net.controls.items():
        _halved(control).save_pretrained(folder / f"controlnet_{name}")


def _halved(net: Network) -> Network:
    # the method of the class itself: that of diffusers remarks on casts
    half = nn.Module.to(deepcopy(net), device="cpu", dtype=torch.float16)
    # safetensors refuses tensors that are not contiguous
    return nn.Module.to(half, memory_format=torch.contiguous_format).eval()
