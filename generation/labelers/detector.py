"""What a detector is: it finds boxes of named classes.

Letters: H, W size of an image; N boxes; K classes that are looked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor
from torchvision.ops import batched_nms, clip_boxes_to_image, remove_small_boxes

MAX_DETECTIONS = 100
"""Boxes of an image that are kept, the best ones, as in COCO's evaluation."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detections:
    """What was found on one image, on the CPU, best first."""

    boxes: Tensor
    """``(N, 4)`` float: left, top, right, bottom in pixels, within the image."""
    scores: Tensor
    """``(N,)`` float in [0, 1]."""
    classes: Tensor
    """``(N,)`` long in 1..K: places among the names that were asked for, counted from 1."""
    best: Tensor
    """``(K,)`` float in [0, 1]: the highest score of each class on the image, however low."""


class Detector(Protocol):
    """Finds boxes of classes that it is told by name, on a batch of images.

    A ``torch.nn.Module`` is moved to the device by the module that holds it.
    """

    models: tuple[str, ...]
    """Networks that take part, each with its revision or the hash of its weights."""
    licence: str
    """Of the networks' results, an SPDX expression; empty where unknown."""
    threshold: float
    """Score from which a box shows its class. What is found below it is doubt."""

    def check(self, class_names: Sequence[str]) -> None:
        """Refuse names that cannot be looked for.

        Raises:
            ValueError: If there is one; the message has it.
        """
        ...

    def detect(
        self, images: Sequence[Tensor], class_names: Sequence[Sequence[str]]
    ) -> list[Detections]:
        """Return what is found on each image.

        Args:
            images: ``(3, H, W)`` uint8 RGB, of any sizes.
            class_names: Of each image, what to look for; the background is no class.

        Raises:
            ValueError: If a name cannot be looked for, or an image has none.
        """
        ...


def best_boxes(
    boxes: Tensor, scores: Tensor, classes: Tensor, *, size: tuple[int, int], max_iou: float
) -> tuple[Tensor, Tensor]:
    """Return all boxes, cut at the image's border, and the places of those to keep, best first.

    At most `MAX_DETECTIONS` are kept, none of a side below a pixel, and within a class none that
    overlaps a better one.

    Args:
        boxes: ``(N, 4)`` float: left, top, right, bottom in pixels.
        scores: ``(N,)`` float.
        classes: ``(N,)`` long.
        size: (height, width) of the image.
        max_iou: Intersection over union above which two boxes of a class are one object.
    """
    inside = clip_boxes_to_image(boxes, size)
    large = remove_small_boxes(inside, min_size=1)
    kept = batched_nms(inside[large], scores[large], classes[large], max_iou)
    return inside, large[kept[:MAX_DETECTIONS]]


def require_names(class_names: Sequence[Sequence[str]], num_images: int) -> None:
    """Refuse anything but a list of names for each image.

    Raises:
        ValueError: If the numbers differ, or a list is empty.
    """
    if len(class_names) != num_images:
        raise ValueError(f"{num_images} images and {len(class_names)} lists of names: give as many")
    for place, names in enumerate(class_names):
        if not names:
            raise ValueError(f"image {place} of the batch has no class to look for: name one")
