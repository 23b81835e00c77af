"""The square around an object that a model sees, and the way back into the mask."""

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F

from generation.edits.extent import HALF


class Square(NamedTuple):
    """A square of a mask, in pixels; parts of it may lie beyond the mask."""

    left: int
    top: int
    side: int


def square_around(mask: Tensor, share: float) -> Square:
    """Return the square in whose middle the object is.

    Args:
        mask: ``(H, W)`` uint8 with a value of 128 or more somewhere.
        share: Longer side of the object's box over the square's side, in (0, 1].
    """
    rows = (mask >= HALF).any(1).nonzero().flatten()
    columns = (mask >= HALF).any(0).nonzero().flatten()
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    left, right = int(columns[0]), int(columns[-1]) + 1
    side = max(1, round(max(bottom - top, right - left) / share))
    return Square((left + right - side) // 2, (top + bottom - side) // 2, side)


def cut(mask: Tensor, square: Square, size: int) -> Tensor:
    """Return a square of a mask at another size; beyond the mask there is no object.

    Args:
        mask: ``(H, W)`` uint8.
        square: What to cut out.
        size: Side of the result.

    Returns:
        ``(1, size, size)`` float32 in [0, 1].
    """
    height, width = mask.shape
    left, top, side = square
    around = (-left, left + side - width, -top, top + side - height)  # negative sides are cut off
    part = F.pad(mask[None, None].float() / 255, around)
    if side >= size:
        return F.adaptive_avg_pool2d(part, size)[0]
    return F.interpolate(part, size=(size, size), mode="bilinear", antialias=True)[0]


def pasted(part: Tensor, square: Square, size: tuple[int, int]) -> Tensor:
    """Return an empty mask with a square put where it was cut out; what lies beyond is lost.

    Args:
        part: ``(side, side)`` uint8.
        square: Where it belongs.
        size: Height and width of the mask.

    Returns:
        ``(H, W)`` uint8.
    """
    height, width = size
    left, top, side = square
    around = (left, width - left - side, top, height - top - side)
    return F.pad(part, around).contiguous()
