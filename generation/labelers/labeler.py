"""What a labeler is: it draws a label map for an image and the names of what the image shows.

Letters: H, W size of an image; K classes that are looked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from datamodules.generation_result import Rejected
from datamodules.sample import MaskKind, Sample
from datamodules.vocabulary import BACKGROUND
from generation.labelers.detector import Detections
from generation.licence import joint_licence

MAX_CLASSES = 254
"""Of one image: a label map has 8 bits, 0 is background and 255 void."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labels:
    """What one image shows, on the CPU."""

    mask: Tensor
    """``(H, W)`` uint8: k is the k-th name, counted from 1; 0 is background."""
    weight: Tensor
    """``(H, W)`` uint8: 255 where the label is sure, 0 where it may as well be another."""
    detections: Detections


class Labeler(Protocol):
    """Labels images of which it is told what they show, a batch at a time.

    A ``torch.nn.Module`` is moved to the device by the module that holds it.
    """

    models: tuple[str, ...]
    """Networks that take part, each with its revision or the hash of its weights."""
    licence: str
    """Of the networks' results, an SPDX expression; empty where unknown."""

    def check(self, class_names: Sequence[str]) -> None:
        """Refuse names that cannot be looked for.

        Raises:
            ValueError: If there is one; the message has it.
        """
        ...

    def label(self, images: Sequence[Tensor], class_names: Sequence[Sequence[str]]) -> list[Labels]:
        """Return the labels of each image, in order.

        Args:
            images: ``(3, H, W)`` uint8 RGB on the CPU, of any sizes.
            class_names: Of each image, 1 to `MAX_CLASSES` names; the background is no class.

        Raises:
            ValueError: If a name cannot be looked for, or an image has none or too many.
        """
        ...


def shown_classes(sample: Sample) -> tuple[str, ...]:
    """Return the names of what an image shows: all but the background."""
    return sample.class_names if sample.mask_kind is MaskKind.ALPHA else sample.class_names[1:]


def with_labels(sample: Sample, found: Labels, *, labeler: Labeler) -> Sample | Rejected:
    """Return a pair with a label map in place of its mask.

    Args:
        sample: Any; its own mask is not looked at.
        found: For `shown_classes` of it.
        labeler: That found them.

    Returns:
        `Rejected` if a class has no pixel: what is there of it, unseen, would be background.
    """
    names, origin = shown_classes(sample), sample.provenance
    present = set(torch.unique(found.mask).tolist())
    missing = [
        f"{name} (best score {score:.2f})"
        for place, (name, score) in enumerate(
            zip(names, found.detections.best.tolist(), strict=True), 1
        )
        if place not in present
    ]
    if missing:
        return Rejected(sample.id, type(labeler).__name__, f"no pixel of {', '.join(missing)}")
    return replace(
        sample,
        mask=found.mask,
        mask_kind=MaskKind.LABELS,
        class_names=(BACKGROUND, *names),
        weight=found.weight,
        provenance=replace(
            origin,
            licence=joint_licence(origin.licence, labeler.licence),
            models=(*origin.models, *labeler.models),
        ),
    )


def require_few_classes(class_names: Sequence[Sequence[str]]) -> None:
    """Refuse more classes than a label map can tell apart.

    Raises:
        ValueError: If an image has more than `MAX_CLASSES`.
    """
    most = max(map(len, class_names), default=0)
    if most > MAX_CLASSES:
        raise ValueError(
            f"{most} classes for one image: a label map tells {MAX_CLASSES} apart, name what the "
            "image shows"
        )
