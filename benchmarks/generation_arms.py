"""Painting with ControlNets, ours and as diffusers ships it, from the same weights and noise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import diffusers
import torch
from torch import Tensor

from benchmarks.hub_configs import Base
from datamodules.sample import Sample
from generation.diffusion.controls import CannyCondition, Condition, Control, MaskCondition
from generation.diffusion.denoise import added_by_controls, denoising_step
from generation.diffusion.noise import generators_for
from generation.diffusion.sampling import Sampling
from generation.painters.controlnet_painter import NEGATIVE_PROMPT, ControlNetPainter

DType = Literal["float32", "bfloat16", "float16"]
Compiled = Literal["no", "graphs", "kernels"]
"""Graphs: a step is captured, but its operations stay as they are. Kernels: as painters compile."""
Arm = Callable[[Sequence[Sample]], Tensor]
"""From drafts to ``(B, 3, H, W)`` uint8 images on the CPU."""


class Reduction(NamedTuple):
    """What is left out, see `generation.diffusion.sampling.Sampling`."""

    control_every: int
    guided_share: float


GUIDANCE = 7.5
EXACT = Reduction(control_every=1, guided_share=1.0)
CONDITIONS: Mapping[str, Condition] = {"canny": CannyCondition(), "seg": MaskCondition()}
_PIPELINES = {
    "StableDiffusionPipeline": diffusers.StableDiffusionControlNetPipeline,
    "StableDiffusionXLPipeline": diffusers.StableDiffusionXLControlNetPipeline,
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all arms have in common."""

    base: Base
    folder: Path
    """Of the weights, as `benchmarks.random_models.write_base` leaves it."""
    device: torch.device
    steps: int


def ours(
    setting: Setting,
    dtype: DType,
    *,
    compiled: Compiled,
    reduction: Reduction = EXACT,
) -> tuple[Arm, ControlNetPainter]:
    """Return our painter as an arm, and itself."""
    painter = ControlNetPainter(
        model=str(setting.folder / "base"),
        controls=[
            Control(model=str(setting.folder / name), condition=condition)
            for name, condition in CONDITIONS.items()
        ],
        prompts=_prompt,
        size=setting.base.side,
        sampling=Sampling(steps=setting.steps, guidance=GUIDANCE, **reduction._asdict()),
        refinement=None,
        compile_step=compiled == "kernels",
        dtype=dtype,
    ).to(setting.device)
    if compiled == "graphs":
        captured = partial(torch.compile, fullgraph=True, dynamic=False, backend="eager")
        painter._step = captured(denoising_step)
        painter._added = captured(added_by_controls)

    def paint(drafts: Sequence[Sample]) -> Tensor:
        pairs = painter.paint(drafts, [draft.seed for draft in drafts])
        return torch.stack([pair.image for pair in pairs])

    return paint, painter


def shipped(setting: Setting, dtype: DType) -> tuple[Arm, Arm]:
    """Return the pipeline of diffusers, one by one as MaskFactory calls it, and in batches."""
    kind = getattr(torch, dtype)
    nets = [
        diffusers.ControlNetModel.from_pretrained(setting.folder / name, dtype=kind)
        for name in CONDITIONS
    ]
    none = {} if "XL" in setting.base.pipeline else {"safety_checker": None}
    pipeline: Any = _PIPELINES[setting.base.pipeline].from_pretrained(
        setting.folder / "base", controlnet=nets, dtype=kind, **none
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to(setting.device)
    size = (setting.base.side, setting.base.side)

    def batched(drafts: Sequence[Sample]) -> Tensor:
        images = pipeline(
            [_prompt(draft.class_names[0], draft.seed) for draft in drafts],
            negative_prompt=[NEGATIVE_PROMPT] * len(drafts),
            image=[
                torch.stack([condition.picture(draft.mask, size) for draft in drafts])
                for condition in CONDITIONS.values()
            ],
            num_inference_steps=setting.steps,
            guidance_scale=GUIDANCE,
            generator=generators_for([draft.seed for draft in drafts], "controlnet"),
            height=size[0],
            width=size[1],
            output_type="pt",
        ).images
        return (images.float() * 255).round().to(torch.uint8).cpu()

    def one_by_one(drafts: Sequence[Sample]) -> Tensor:
        return torch.cat([batched([draft]) for draft in drafts])

    return one_by_one, batched


def _prompt(class_name: str, seed: int) -> str:
    return f"a photo of a {class_name}"
