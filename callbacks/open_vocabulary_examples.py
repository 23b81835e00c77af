"""Photos of a test on label maps beside what is true and what was found, few of many.

Letters: H, W size of a photo.
"""

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from callbacks.label_overlay import Pixels, label_colour, overlay
from datamodules.label_set import VOID
from datamodules.seeds import seed_for
from metrics.confusion import class_iou, confusion_matrix

LONG_SIDE = 320
"""Of a picture in pixels; smaller photos are enlarged by whole numbers where they can be."""
_QUALITY = 88
DRAWN, WEAKEST, BEST = "drawn by the hash of their names", "weakest", "best"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelExample:
    """One photo; the pictures are JPEG files."""

    id: str
    mean_iou: float
    """Of this photo by the first protocol, over the labels that are true or found."""
    photo: bytes
    truth: bytes
    found: Mapping[str, bytes]
    """By protocol."""
    legend: Sequence[tuple[str, str]]
    """Name and colour (as style sheets write it) of each label in the pictures."""


class LabelExamples:
    """Keeps some photos of a stream: drawn ones, the weakest and the best, and no more in memory.

    Args:
        class_names: Of the labels, background first.
        num_drawn: Photos that are drawn whatever their result.
        num_extreme: Of the weakest, and of the best.
    """

    def __init__(
        self, class_names: Sequence[str], *, num_drawn: int = 6, num_extreme: int = 3
    ) -> None:
        self.class_names = tuple(class_names)
        self.sizes = {DRAWN: num_drawn, WEAKEST: num_extreme, BEST: num_extreme}
        self._kept: dict[str, list[tuple[float, str, LabelExample]]] = {k: [] for k in self.sizes}

    def add(self, id: str, image: Tensor, truth: Tensor, found: Mapping[str, Tensor]) -> None:
        """Look at a photo.

        Args:
            id: Of the photo.
            image: ``(3, H, W)`` float RGB in [0, 1].
            truth: ``(H, W)`` uint8 labels, 255 void.
            found: ``(H, W)`` uint8 labels, by protocol; the first one is what photos are kept by.
        """
        num_labels = len(self.class_names)
        first = next(iter(found.values()))
        confusion = confusion_matrix(first.cpu(), truth.cpu(), num_labels=num_labels)
        mean_iou = float(class_iou(confusion).nanmean())
        if math.isnan(mean_iou):  # all of it is void
            return
        ranks = {DRAWN: float(seed_for(0, "example", id)), WEAKEST: mean_iou, BEST: -mean_iou}
        example: LabelExample | None = None
        for group, rank in ranks.items():
            kept, size = self._kept[group], self.sizes[group]
            # a heap's first is its smallest: ranks are kept negative, so that the worst goes
            if len(kept) == size and (not size or (-rank, id) <= kept[0][:2]):
                continue
            example = example or _example(id, mean_iou, (image, truth, found), self.class_names)
            (heapq.heappushpop if len(kept) == size else heapq.heappush)(kept, (-rank, id, example))

    def groups(self) -> dict[str, list[LabelExample]]:
        """Return the photos of each group, each photo once; empty groups are left out."""
        shown: set[str] = set()
        groups: dict[str, list[LabelExample]] = {}
        for group, kept in self._kept.items():
            ordered = sorted(kept, key=lambda entry: (-entry[0], entry[1]))
            new = [example for _, id, example in ordered if id not in shown]
            shown |= {example.id for example in new}
            if new:
                groups[group] = new
        return groups


def _example(
    id: str,
    mean_iou: float,
    planes: tuple[Tensor, Tensor, Mapping[str, Tensor]],
    class_names: Sequence[str],
) -> LabelExample:
    image, truth, found = planes
    pixels = (image * 255).round().to("cpu", torch.uint8).permute(1, 2, 0).numpy()
    size = _size(pixels.shape[0], pixels.shape[1])
    smaller = size[0] < pixels.shape[0]
    photo = _resized(pixels, size, cv2.INTER_AREA if smaller else cv2.INTER_NEAREST)
    maps = [truth.cpu().numpy(), *(each.cpu().numpy() for each in found.values())]
    labels = sorted({int(label) for each in maps for label in np.unique(each)} - {0, VOID})
    pictures = [
        _jpeg(overlay(photo, _resized(each, size, cv2.INTER_NEAREST_EXACT))) for each in maps
    ]
    return LabelExample(
        id=id,
        mean_iou=mean_iou,
        photo=_jpeg(photo),
        truth=pictures[0],
        found=dict(zip(found, pictures[1:], strict=True)),
        legend=[(class_names[label], f"rgb{label_colour(label)}") for label in labels],
    )


def _size(height: int, width: int) -> tuple[int, int]:
    scale = LONG_SIDE / max(height, width)
    scale = float(int(scale)) if scale >= 1 else scale
    return max(1, round(scale * height)), max(1, round(scale * width))


def _resized(plane: Pixels, size: tuple[int, int], method: int) -> Pixels:
    plane = np.ascontiguousarray(plane)
    return np.asarray(cv2.resize(plane, size[::-1], interpolation=method), np.uint8)


def _jpeg(pixels: Pixels) -> bytes:
    bgr = np.ascontiguousarray(pixels[..., ::-1])
    done, encoded = cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
    assert done  # in memory, of a size and dtype that the format has
    return encoded.tobytes()
