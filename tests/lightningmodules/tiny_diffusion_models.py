"""Diffusion models of a few thousand weights, as tests of several folders train them."""

from functools import partial
from typing import Literal

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel

from datamodules.batch import Batch, collate
from datamodules.sample import MaskKind, Provenance, Sample, View
from generation.diffusion.controls import CannyCondition, MaskCondition
from generation.prompts.captions import ShapeCaptions
from lightningmodules.diffusion import Diffusion
from lightningmodules.diffusion_draws import Dropping
from networks.tiny_diffusion import TextToImage

_DROPPING = Dropping()
ADAM = partial(torch.optim.Adam, lr=3e-3)
CONDITIONS = {"canny": CannyCondition(), "mask": MaskCondition()}


def tiny_diffusion(
    kind: Literal["image", "mask"],
    controls: tuple[str, ...] = (),
    *,
    dropping: Dropping = _DROPPING,
    seed: int = 0,
) -> Diffusion:
    """A model of 16 px images in patches of two pixels."""
    torch.manual_seed(0)
    channels = 12 if kind == "image" else 4
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=(16, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=4,
    )
    return Diffusion(
        TextToImage(unet, controls=controls, vocabulary=64, max_tokens=8),
        ShapeCaptions(),
        ADAM,
        scheduler=DDIMScheduler(
            beta_schedule="squaredcos_cap_v2",
            prediction_type="v_prediction",
            clip_sample=False,
            steps_offset=1,
        ),
        controls={name: CONDITIONS[name] for name in controls},
        dropping=dropping,
        seed=seed,
    )


def bars(count: int = 4, size: int = 16) -> Batch:
    """Upright bars on grey, of other places and colours."""
    views = []
    for number in range(count):
        mask = torch.zeros(size, size, dtype=torch.uint8)
        mask[2:-2, 3 + number : 7 + number] = 255
        image = torch.full((3, size, size), 128, dtype=torch.uint8)
        image[number % 3][mask > 0] = 255
        sample = Sample(
            id=f"bar{number}",
            image=image,
            mask=mask,
            mask_kind=MaskKind.ALPHA,
            class_names=("Gate",),
            provenance=Provenance(source="test"),
        )
        views.append(View(sample=sample, size=(size, size)))
    return collate(views).to_float()
