"""Light of one photo given to an object of another."""

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# of the difference in light and in hue, the share that the object takes over: its own surface
# reflects only part of it, and an object that follows fully loses its colours
_SHARE = np.array((0.5, 0.6, 0.6), np.float32)
_LARGEST = np.array((18, 10, 10), np.float32)  # in CIELAB units: as far as it looks natural
_CONTRAST = (0.8, 1.25)
_EVEN = 2.0  # of lightness: a background with less contrast is even, whatever the ratio says
_SIDE = 64  # statistics need no more pixels


def relit(colour: Floats, alpha: Floats, old: Floats, new: Floats) -> Floats:
    """Return an object's colours as they would be before another background.

    Mean and contrast of CIELAB follow the difference between the two backgrounds in part
    (after Reinhard et al., "Color transfer between images", 2001). Black stays black and white
    stays white, so that no fold of a dark cloth is lost.

    Args:
        colour: ``(H, W, 3)`` float32 in grey levels.
        alpha: ``(H, W)`` float32 in [0, 1], the object's coverage.
        old: ``(h, w, 3)`` float32, the background it was photographed before.
        new: ``(h, w, 3)`` float32, the one it is put before.

    Returns:
        ``(H, W, 3)`` float32 in grey levels.
    """
    mean_old, spread_old = _statistics(old)
    mean_new, spread_new = _statistics(new)
    shift = np.clip(_SHARE * (mean_new - mean_old), -_LARGEST, _LARGEST)
    contrast = np.clip(np.sqrt((spread_new + _EVEN) / (spread_old + _EVEN)), *_CONTRAST)
    lab = _lab(colour)
    weight = alpha[..., None]
    own = (lab * weight).sum(axis=(0, 1)) / max(float(weight.sum()), 1e-6)
    change = np.empty_like(lab)
    change[...] = shift
    change[..., 0] += (contrast - 1) * (lab[..., 0] - own[0])
    tone = np.clip(lab[..., 0] / 100, 0, 1)
    moved = lab + change * (4 * tone * (1 - tone))[..., None]
    return cv2.cvtColor(moved, cv2.COLOR_LAB2RGB) * np.float32(255)


def _statistics(picture: Floats) -> tuple[Floats, float]:
    small = cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    lab = _lab(np.asarray(small, np.float32))
    return lab.mean(axis=(0, 1)), float(lab[..., 0].std())


def _lab(picture: Floats) -> Floats:
    unit = np.clip(picture / np.float32(255), 0, 1)
    return np.asarray(cv2.cvtColor(unit, cv2.COLOR_RGB2LAB), np.float32)
