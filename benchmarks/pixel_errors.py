"""How far images are from others, in grey levels."""

from dataclasses import dataclass
from math import inf, log10

from torch import Tensor


@dataclass(frozen=True, slots=True)
class PixelErrors:
    """Of 8-bit images."""

    largest: int
    """Of all channels, in grey levels."""
    mean: float
    """In grey levels."""
    psnr: float
    """In dB; infinite for the same images."""


def pixel_errors(images: Tensor, truth: Tensor) -> PixelErrors:
    """Return how far images are from others.

    Args:
        images: ``(B, 3, H, W)`` uint8.
        truth: The same.

    Raises:
        ValueError: If their shapes differ.
    """
    if images.shape != truth.shape:
        raise ValueError(f"images of shape {tuple(images.shape)} and {tuple(truth.shape)} differ")
    gaps = (images.int() - truth.int()).abs().double()
    square = float(gaps.square().mean())
    psnr = 10 * log10(255**2 / square) if square else inf
    return PixelErrors(int(gaps.max()), float(gaps.mean()), psnr)
