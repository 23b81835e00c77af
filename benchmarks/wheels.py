"""Masks to paint: wheels, each with spokes of its own."""

import cv2
import numpy as np
import torch

from datamodules.sample import MaskKind, Provenance, Sample


def wheels(count: int, side: int) -> list[Sample]:
    """Return drafts with grey images.

    Args:
        count: How many.
        side: Of the pictures, in pixels.
    """
    return [_wheel(number, side) for number in range(count)]


def _wheel(number: int, side: int) -> Sample:
    mask = np.zeros((side, side), np.uint8)
    centre, radius = (side // 2, side // 2), 3 * side // 8
    width = max(1, side // 64)
    cv2.circle(mask, centre, radius, 255, 2 * width, cv2.LINE_AA)
    for angle in np.linspace(0, np.pi, 4 + number % 5, endpoint=False):
        x, y = int(radius * np.cos(angle)), int(radius * np.sin(angle))
        ends = [(centre[0] + sign * x, centre[1] + sign * y) for sign in (-1, 1)]
        cv2.line(mask, ends[0], ends[1], 255, width, cv2.LINE_AA)
    return Sample(
        id=f"wheel~{number}",
        image=torch.full((3, side, side), 128, dtype=torch.uint8),
        mask=torch.from_numpy(mask),
        mask_kind=MaskKind.ALPHA,
        class_names=("wheel",),
        provenance=Provenance(source="benchmark"),
        seed=number,
    )
