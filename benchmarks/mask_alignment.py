"""How much of a mask an edit kept, once the best similarity has been taken off."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

_SIDE = 128
"""Pixels along the longer side while searching: an IoU to about .005."""
_STEPS = (0.04, 0.02, 0.01, 0.005)
"""Of shift (share of the side), angle (radians) and logarithm of the scale, coarse to fine."""


def aligned_iou(source: Mask, edit: Mask) -> float:
    """Return the IoU of two ``(H, W)`` masks after the best similarity found.

    The search starts where centres and areas agree and steps along shift, angle and scale while
    the IoU grows.
    """
    small = [_small(x) for x in (source, edit)]
    if not small[0].any() or not small[1].any():
        return float(small[0].any() == small[1].any())
    (x0, y0, area0), (x1, y1, area1) = (_moments(x) for x in small)
    place = np.array([0.0, 0.0, 0.0, math.log(area0 / area1) / 2])

    def score(at: NDArray[np.float64]) -> float:
        moved = _moved(small[1], (x1, y1), (x0, y0), at)
        return float((moved & small[0]).sum() / (moved | small[0]).sum())

    best = max(score(place), 0.0)
    for step in _STEPS:
        improved = True
        while improved:
            improved = False
            for axis in range(4):
                for sign in (step, -step):
                    trial = place.copy()
                    trial[axis] += sign
                    value = score(trial)
                    if value > best:
                        place, best, improved = trial, value, True
    return best


def iou(first: Mask, second: Mask) -> float:
    """Return the IoU of two masks, 1 for two empty ones."""
    union = int((first | second).sum())
    return float((first & second).sum() / union) if union else 1.0


def _small(mask: Mask) -> Mask:
    factor = _SIDE / max(mask.shape)
    size = (round(mask.shape[1] * factor), round(mask.shape[0] * factor))
    reduced = cv2.resize(mask.view(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
    # room for what the similarity moves beyond the frame
    return np.pad(np.asarray(reduced) >= 128, _SIDE // 4)


def _moments(mask: Mask) -> tuple[float, float, float]:
    found = cv2.moments(mask.view(np.uint8), binaryImage=True)
    return found["m10"] / found["m00"], found["m01"] / found["m00"], found["m00"]


def _moved(
    mask: Mask,
    centre: tuple[float, float],
    onto: tuple[float, float],
    at: NDArray[np.float64],
) -> Mask:
    scale = math.exp(at[3])
    cosine, sine = scale * math.cos(at[2]), scale * math.sin(at[2])
    matrix = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0]])
    matrix[:, 2] = np.array(onto) + _SIDE * at[:2] - matrix[:, :2] @ np.array(centre)
    size = mask.shape[::-1]
    return np.asarray(cv2.warpAffine(mask.view(np.uint8) * 255, matrix, size)) >= 128
