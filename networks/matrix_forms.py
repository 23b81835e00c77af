"""Products of matrices in place of operations that an exported graph lacks for sizes left open.

Slower than what they stand for, and equal to it: only graphs that are exported hold them.

Letters: B samples; C channels; K filters; H, W a map's size; h, w that of a result.
"""

import torch
from torch import Tensor

_Complex = tuple[Tensor, Tensor]
"""Real and imaginary part."""


def filter_frequencies(x: Tensor, response: Tensor) -> Tensor:
    """Return what filters leave of a map: ``irfft2(rfft2(x) * response)``.

    Args:
        x: ``(B, 1, H, W)`` float.
        response: ``(K, H, W)`` float, at the frequencies of `frequencies`; the same at a frequency
            and its negative, so that the result is real.

    Returns:
        ``(B, K, H, W)`` float.
    """
    rows, columns = _fourier(x.shape[2], x), _fourier(x.shape[3], x)
    real, imaginary = _product(_product(rows, (x, torch.zeros_like(x))), columns)
    filtered = _product(_conjugate(rows), (real * response, imaginary * response))
    whole, _ = _product(filtered, _conjugate(columns))
    return whole / (x.shape[2] * x.shape[3])


def frequencies(count: int, like: Tensor) -> Tensor:
    """Return ``torch.fft.fftfreq(count)``, in periods a pixel, on the device of `like`."""
    place = torch.arange(count, device=like.device)
    return torch.where(place < (count + 1) // 2, place, place - count) / count


def mean_pool(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Return ``adaptive_avg_pool2d(x, size)``: ``(B, C, h, w)`` of ``(B, C, H, W)`` float."""
    rows = _averages(x.shape[2], size[0], x)
    columns = _averages(x.shape[3], size[1], x)
    return rows @ x @ columns.transpose(0, 1)


def _fourier(count: int, like: Tensor) -> _Complex:
    """Return ``exp(-2 pi i j k / count)`` for all j and k, each ``(count, count)``."""
    place = torch.arange(count, device=like.device)
    # whole turns are taken off while they are whole numbers, or large angles lose their digits
    turns = (place[:, None] * place[None] % count).to(like.dtype) / count
    angle = 2 * torch.pi * turns
    return angle.cos(), -angle.sin()


def _product(a: _Complex, b: _Complex) -> _Complex:
    return a[0] @ b[0] - a[1] @ b[1], a[0] @ b[1] + a[1] @ b[0]


def _conjugate(a: _Complex) -> _Complex:
    return a[0], -a[1]


def _averages(count: int, parts: int, like: Tensor) -> Tensor:
    """Return ``(parts, count)``: the share of each place in the mean of each part."""
    part = torch.arange(parts, device=like.device)[:, None]
    place = torch.arange(count, device=like.device)[None]
    begin, end = part * count // parts, ((part + 1) * count + parts - 1) // parts
    inside = (place >= begin) & (place < end)
    return inside.to(like.dtype) / (end - begin).to(like.dtype)
