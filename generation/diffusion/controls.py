"""What a ControlNet is shown of a mask."""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


class Condition(Protocol):
    """Makes the picture that a ControlNet is shown."""

    def picture(self, mask: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the control picture of a mask.

        Args:
            mask: ``(H, W)`` uint8 coverage.
            size: (height, width) of the picture.

        Returns:
            ``(3, height, width)`` float32 in [0, 1], on the CPU.
        """
        ...


class MaskCondition:
    """The mask as it is, white on black.

    MaskFactory gives it to a ControlNet for segmentations, which has learned the colours of ADE20K
    and none of white: it goes by the shapes.
    """

    def picture(self, mask: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the mask, see `Condition`."""
        return _resized(mask, size).expand(3, *size) / 255

    def __repr__(self) -> str:
        return "mask"


class CannyCondition:
    """The edges of the mask (Canny 1986, as OpenCV has it), white on black.

    They are found at the picture's size: edges found at the mask's size and made smaller would be
    grey and, where struts lie close, one blot.

    Args:
        low: Gradient in grey levels above which an edge goes on, 30 in MaskFactory.
        high: Above which an edge begins, 230 in MaskFactory.

    Raises:
        ValueError: If `low` is above `high` or below 0.
    """

    def __init__(self, *, low: int = 30, high: int = 230) -> None:
        if not 0 <= low <= high:
            raise ValueError(f"Canny thresholds {low} and {high}: give 0 <= low <= high")
        self.low = low
        self.high = high

    def picture(self, mask: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the edges, see `Condition`."""
        grey = _resized(mask, size).round().to(torch.uint8).numpy()
        edges = np.asarray(cv2.Canny(grey, self.low, self.high), np.float32)
        return torch.from_numpy(edges).expand(3, *size) / 255

    def __repr__(self) -> str:
        return f"canny({self.low},{self.high})"


@dataclass(frozen=True, kw_only=True)
class Control:
    """One condition of a painter: what is shown to which ControlNet, and how much it counts."""

    model: str
    """Hub id or local folder. Several conditions may name one ControlNetUnion."""
    condition: Condition
    """What it is shown."""
    weight: float = 1.0
    """Factor of what it adds to the base."""
    enabled: bool = True
    """False: as if it were not there; its weights are not even loaded."""
    mode: int | None = None
    """Number of the condition in a ControlNetUnion (xinsir's: 3 canny, 5 segmentation). None: a
    ControlNet of one condition."""
    revision: str = "main"
    """Of the hub."""

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise ValueError(f"control {self.model!r} has weight {self.weight}: give 0 or more")

    @property
    def is_used(self) -> bool:
        """Whether it has any effect."""
        return self.enabled and self.weight > 0


def _resized(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Return ``(height, width)`` float32 in [0, 255]; thin struts fade, but none is left out."""
    if tuple(mask.shape) == tuple(size):
        return mask.float()
    whole = mask[None, None].float()
    return F.interpolate(whole, size, mode="bilinear", antialias=True)[0, 0].clamp(0, 255)
