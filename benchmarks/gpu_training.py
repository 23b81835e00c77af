"""Parts of `benchmarks.gpu` that train segmenters: a step in float32 as published, and ours."""

from collections.abc import Callable
from functools import partial

import torch
from segmentation_models_pytorch import Unet
from torch import nn

from benchmarks.gpu_site import Measured, Part, Site
from benchmarks.interleaved import interleaved
from datamodules.batch import Batch
from datamodules.sample import MaskKind
from lightningmodules.dis import DIS
from lightningmodules.losses.maps import BCE
from lightningmodules.losses.supervision import DeepSupervision
from networks.adapter import ImageInput
from networks.isnet import ISNet

_STEPS = 5
"""Of a timing."""


def isnet() -> nn.Module:
    """Return IS-Net, which takes 1024 px."""
    return ImageInput(ISNet())


def unet() -> nn.Module:
    """Return the U-Net of ``configs/dis/unet.yaml``."""
    net = Unet(encoder_name="resnet18", encoder_weights=None, classes=1)
    return ImageInput(net, divisor=32)


def training(name: str, build: Callable[[], nn.Module], *, size: int, batch: int) -> Part:
    """Return a part that trains a network on a batch of noise, over and over.

    The first arm is the published recipe: float32, not compiled. Ours is mixed bfloat16,
    channels_last and compiled. Both have the same loss and Adam.
    """

    def part(site: Site) -> list[Measured]:
        side, count = (64, 2) if site.is_smoke else (size, batch)
        data = noise_batch(count, side, site.device)
        arms = {
            "published": _steps(build(), data, site, fast=False),
            "ours": _steps(build(), data, site, fast=True),
        }
        repeats = 1 if site.is_smoke else 5
        found = interleaved(arms, device=site.device, repeats=repeats)
        rates = {arm: tuple(_STEPS * count / each for each in s) for arm, s in found.items()}
        return [
            Measured(f"{name}, {side} px, batch {count}, {arm}", "images/s", values)
            for arm, values in rates.items()
        ]

    return part


def noise_batch(count: int, side: int, device: torch.device) -> Batch:
    """Return a batch of floats as training has it."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(count, 3, side, side, generator=generator).to(device)
    return Batch(
        id=[str(number) for number in range(count)],
        image=image,
        mask=(image[:, :1] > 0.5).float(),
        weight=torch.ones_like(image[:, :1]),
        mask_kind=MaskKind.ALPHA,
        class_names=[("chair",)] * count,
        prompt=[""] * count,
        size=[(side, side)] * count,
        counterfactual=None,
        has_counterfactual=torch.zeros(count, dtype=torch.bool),
        truth=[None] * count,
        truth_weight=[None] * count,
    )


def _steps(net: nn.Module, data: Batch, site: Site, *, fast: bool) -> Callable[[], None]:
    model = DIS(
        net,
        DeepSupervision({"bce": BCE()}),
        partial(torch.optim.Adam, lr=1e-3),
        channels_last=fast,
        compile=fast and not site.is_smoke,
    ).to(site.device)
    optimizer = torch.optim.Adam(model.net.parameters(), lr=1e-3)

    def run() -> None:
        for _ in range(_STEPS):
            optimizer.zero_grad()
            with torch.autocast(site.device.type, torch.bfloat16, enabled=fast):
                terms = model.loss(model(data), data)
            torch.stack(list(terms.values())).sum().backward()
            optimizer.step()

    return run
