"""From light to bytes: object over background, shadow, exposure, noise."""

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from generation.hashed_noise import normal

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """How the camera records the scene; the same for an image and its counterfactual."""

    exposure: tuple[float, float, float]
    """Factors of red, green and blue."""
    gamma: float
    """Exponent of the tone curve; below 1 lifts the shadows."""
    noise: float
    """Standard deviation of the sensor noise in grey levels."""
    softness: float
    """Standard deviation of the lens blur in pixels. The mask is blurred with the object."""
    seed: int
    """Seed of the noise."""


def soften(layer: Bytes, film: Film) -> Bytes:
    """Return a layer as the lens blurs it."""
    if film.softness < 0.2:  # less than a pixel's own width: nothing to see
        return layer
    return cv2.GaussianBlur(layer, (0, 0), film.softness).astype(np.uint8, copy=False)


def expose(background: Bytes, color: Bytes, alpha: Bytes, shadow: Bytes, film: Film) -> Bytes:
    """Return the photograph of an object over its background.

    Where `alpha` and `shadow` are 0 the bytes depend on background and film alone.

    Args:
        background: ``(H, W, 3)`` uint8 RGB.
        color: ``(H, W, 3)`` uint8 RGB of the object, premultiplied by `alpha`.
        alpha: ``(H, W)`` uint8 coverage of the object.
        shadow: ``(H, W)`` uint8, share of light that the shadow takes from the background.
        film: How the camera records it.

    Returns:
        ``(H, W, 3)`` uint8 RGB.
    """
    level = np.arange(256)[:, None] / 255.0
    curve = np.round(255 * level**film.gamma * np.array(film.exposure), 3)
    return _expose(background, color, alpha, shadow, curve, film.noise, np.uint64(film.seed))


@njit(nogil=True, cache=True)
def _expose(
    background: Bytes,
    color: Bytes,
    alpha: Bytes,
    shadow: Bytes,
    curve: Floats,
    noise: float,
    seed: np.uint64,
) -> Bytes:
    result = np.empty_like(background)
    height, width, _ = background.shape
    for i in range(height):
        for j in range(width):
            through = (255 - alpha[i, j]) * (255 - shadow[i, j]) / 65025.0
            for c in range(3):
                light = min(255, int(background[i, j, c] * through + color[i, j, c] + 0.5))
                spot = np.uint64((i * width + j) * 3 + c)
                value = curve[light, c] + noise * normal(spot, seed)
                result[i, j, c] = int(min(255.0, max(0.0, value + 0.5)))
    return result
