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
    return whole


def frequencies(count: int, like: Tensor) -> Tensor:
    """Return ``torch.fft.fftfreq(count)``, in periods a pixel, on the device of `like`."""
    place, whole = _places(count, like)
    return torch.where(place < (whole + 1) // 2, place, place - whole) / whole


def mean_pool(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Return ``adaptive_avg_pool2d(x, size)``: ``(B, C, h, w)`` of ``(B, C, H, W)`` float."""
    rows = _averages(x.shape[2], size[0], x)
    columns = _averages(x.shape[3], size[1], x)
    return rows @ x @ columns.transpose(0, 1)


def _fourier(count: int, like: Tensor) -> _Complex:
    """Return ``exp(-2 pi i j k / n) / sqrt(n)`` for all j and k below n, each ``(n, n)``."""
    place, whole = _places(count, like)
    # whole turns are taken off while they are whole numbers, or large angles lose their digits
    angle = 2 * torch.pi * (place[:, None] * place % whole).to(like.dtype) / whole
    scale = whole.to(like.dtype).rsqrt()
    return angle.cos() * scale, -angle.sin() * scale


def _product(a: _Complex, b: _Complex) -> _Complex:
    return a[0] @ b[0] - a[1] @ b[1], a[0] @ b[1] + a[1] @ b[0]


def _conjugate(a: _Complex) -> _Complex:
    return a[0], -a[1]


def _averages(count: int, parts: int, like: Tensor) -> Tensor:
    """Return ``(parts, count)``: the share of each place in the mean of each part."""
    place, whole = _places(count, like)
    part, in_all = _places(parts, like)
    begin = (part * whole // in_all)[:, None]
    end = (((part + 1) * whole + in_all - 1) // in_all)[:, None]
    inside = (place >= begin) & (place < end)
    return inside.to(like.dtype) / (end - begin).to(like.dtype)


def _places(count: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return 0 to count - 1, and count ``(1,)``: remainders by a bare size cannot be exported."""
    place = torch.arange(count, device=like.device)
    return place, place[-1:] + 1
