"""Real pairs of procedural scenes at a small size, and the same masks painted by diffusion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from datamodules.atomic import write_atomically
from datamodules.resize import resize
from datamodules.sample import Sample
from datamodules.seeds import seed_for
from generation.diffusion.controls import CannyCondition, Control, MaskCondition
from generation.diffusion.sampling import Sampling
from generation.objects.proportions import Split
from generation.painters.controlnet_painter import ControlNetPainter
from generation.procedural import ProceduralScenes
from generation.prompts.templates import TemplatePrompts

_DRAWN = 2
"""Scenes are drawn so much larger, as in ``configs/generation/train_tiny_image.yaml``."""
_BATCH = 16


class Arm(NamedTuple):
    """What a painter goes by."""

    mask: bool
    canny: bool
    prompt: bool

    @property
    def name(self) -> str:
        """Name in tables, such as "mask+canny"."""
        return "+".join(key for key, used in self._asdict().items() if used)


ARMS = tuple(Arm(bool(bits & 1), bool(bits & 2), bool(bits & 4)) for bits in (1, 2, 4, 3, 5, 6, 7))
"""All combinations but the empty one."""
ALL_THREE = ARMS[-1]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Images with masks, in memory."""

    images: Tensor
    """``(N, 3, S, S)`` uint8."""
    masks: Tensor
    """``(N, S, S)`` uint8."""

    def __len__(self) -> int:
        return len(self.images)

    def rows(self, places: Sequence[int]) -> "Pairs":
        """Return some of the pairs."""
        index = torch.tensor(places, dtype=torch.int64)
        return Pairs(self.images[index], self.masks[index])

    def with_(self, others: "Pairs") -> "Pairs":
        """Return these pairs and others after them."""
        return Pairs(torch.cat([self.images, others.images]), torch.cat([self.masks, others.masks]))


def scenes(split: Split, first: int, count: int, size: int) -> list[Sample]:
    """Return procedural pairs as a diffusion model of this size was trained on; classes in turn."""
    source = ProceduralScenes(size=_DRAWN * size)
    return [
        reduced(source.sample(source.spec(split, first + number)), size) for number in range(count)
    ]


def reduced(sample: Sample, size: int) -> Sample:
    """Return a pair at another size, ``(size, size)``."""
    image = resize(sample.image.permute(1, 2, 0).numpy(), (size, size))
    return replace(
        sample,
        image=torch.from_numpy(image).permute(2, 0, 1).contiguous(),
        mask=torch.from_numpy(resize(sample.mask.numpy(), (size, size))),
        weight=None,
        counterfactual=None,
    )


def pairs_of(samples: Sequence[Sample]) -> Pairs:
    """Return samples of one size as pairs."""
    return Pairs(
        torch.stack([sample.image for sample in samples]),
        torch.stack([sample.mask for sample in samples]),
    )


def painter_of(model: str, arm: Arm, *, size: int, sampling: Sampling) -> ControlNetPainter:
    """Return the painter of an arm.

    Args:
        model: Folder of a pipeline with ``controlnet_mask`` and ``controlnet_canny`` in it.
        arm: What it goes by; without a prompt there is no guidance.
        size: Side in pixels.
        sampling: How images are drawn.
    """
    controls: Mapping[str, Control] = {
        "mask": Control(
            model=f"{model}/controlnet_mask", condition=MaskCondition(), enabled=arm.mask
        ),
        "canny": Control(
            model=f"{model}/controlnet_canny", condition=CannyCondition(), enabled=arm.canny
        ),
    }
    return ControlNetPainter(
        model=model,
        controls=list(controls.values()),
        prompts=TemplatePrompts() if arm.prompt else None,
        negative_prompt="",
        size=size,
        sampling=sampling,
        refinement=None,
    )


def paint(painter: ControlNetPainter, drafts: Sequence[Sample]) -> Pairs:
    """Return the drafts' masks with painted images; a draft has the same noise in every arm."""
    painted: list[Sample] = []
    for first in range(0, len(drafts), _BATCH):
        part = drafts[first : first + _BATCH]
        painted += painter.paint(part, [seed_for(0, draft.id) for draft in part])
    return pairs_of(painted)


def save(path: Path, pairs: Pairs) -> None:
    """Write pairs into one file, whole or not at all."""
    buffer = BytesIO()
    np.savez_compressed(buffer, images=pairs.images.numpy(), masks=pairs.masks.numpy())
    write_atomically(path, buffer.getvalue())


def load(path: Path) -> Pairs:
    """Return the pairs of a file."""
    with np.load(path, allow_pickle=False) as stored:
        return Pairs(torch.from_numpy(stored["images"]), torch.from_numpy(stored["masks"]))
