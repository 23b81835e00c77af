"""Images of any size by a network of small ones: windows side by side, in batches, blended.

Letters: B images; H, W their size; C channels of the result; k windows.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Blend = Literal["mean", "pyramid"]


def sliding_window(
    predict: Callable[[Tensor], Tensor],
    image: Tensor,
    *,
    window: int | tuple[int, int],
    stride: int | tuple[int, int],
    blend: Blend = "mean",
    batch_size: int = 8,
) -> Tensor:
    """Return what `predict` says of each place, averaged over the windows that see it.

    The last window of a row or column ends with the image. Where one window covers the image, the
    result is that of `predict` to the last bit.

    Args:
        predict: From ``(k, 3, h, w)`` to ``(k, C, h, w)`` float.
        image: ``(B, 3, H, W)`` float.
        window: Side in pixels, or (height, width); a side of the image that is shorter is taken
            whole.
        stride: From window to window, in pixels; one, or one down and one across.
        blend: ``mean`` counts all windows alike, as the published protocols do; ``pyramid`` the
            less, the nearer to the window's border, which leaves no seams.
        batch_size: Windows at once, of one image or of several.

    Returns:
        ``(B, C, H, W)`` float.

    Raises:
        ValueError: If window, stride or batch size is below 1, or the stride leaves gaps.
    """
    sides, strides = _both(window), _both(stride)
    if not all(1 <= x <= y for x, y in zip(strides, sides, strict=True)) or batch_size < 1:
        raise ValueError(
            f"stride {stride} must be from 1 to window {window}, batch_size {batch_size} 1 or more"
        )
    height, width = image.shape[-2:]
    tall, wide = min(sides[0], height), min(sides[1], width)
    places = [
        (number, top, left)
        for number in range(len(image))
        for top in _starts(height, tall, strides[0])
        for left in _starts(width, wide, strides[1])
    ]
    if len(places) == len(image):
        return torch.cat([predict(some) for some in torch.split(image, batch_size)])
    weight = _weight(tall, blend, image)[:, None] * _weight(wide, blend, image)
    total, counted = None, image.new_zeros(height, width)
    for first in range(0, len(places), batch_size):
        some = places[first : first + batch_size]
        seen = predict(torch.stack([image[n, :, y : y + tall, x : x + wide] for n, y, x in some]))
        if total is None:
            total = seen.new_zeros(len(image), seen.shape[1], height, width)
        for (n, y, x), part in zip(some, seen, strict=True):
            total[n, :, y : y + tall, x : x + wide] += weight * part
            if n == 0:
                counted[y : y + tall, x : x + wide] += weight
    assert total is not None
    return total / counted


def _both(length: int | tuple[int, int]) -> tuple[int, int]:
    return (length, length) if isinstance(length, int) else length


def _starts(length: int, window: int, stride: int) -> list[int]:
    starts = [*range(0, length - window, stride), length - window]
    return sorted(set(starts))


def _weight(length: int, blend: Blend, like: Tensor) -> Tensor:
    if blend == "mean":
        return like.new_ones(length)
    ramp = torch.arange(1, length + 1, dtype=like.dtype, device=like.device)
    return torch.minimum(ramp, ramp.flip(0)) / ((length + 1) // 2)
