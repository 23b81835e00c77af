"""Places of a photo that can be found again in a changed copy of it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from datamodules.resize import resize

AREA = 400 * 400
"""Pixels that a photo is brought to, so that a copy at another size shows the same corners."""
WORDS = 4
"""64-bit words of a descriptor."""
# Corners per cell and cells per side: without the cells, most corners would lie on one patterned
# dress, and none on the background that a pasted object leaves in sight
_CELLS = 8
_PER_CELL = 8
_CANDIDATES = 3000
_FAST_THRESHOLD = 8  # of 255; OpenCV's 20 finds next to nothing in a misty background


@dataclass(frozen=True, slots=True, eq=False)
class Keypoints:
    """Corners of one photo."""

    points: NDArray[np.float32]
    """``(N, 2)`` float32, x and y in pixels of the photo at `AREA`."""
    descriptors: NDArray[np.uint64]
    """``(N, 4)`` uint64: 256 bits, of which few differ where the same corner is seen."""


def find_keypoints(image: NDArray[np.uint8]) -> Keypoints:
    """Return the clearest corners of each part of a photo, at most 512.

    ORB (Rublee et al., "ORB: an efficient alternative to SIFT or SURF", ICCV 2011; OpenCV's, which
    is Apache-2.0): corners at eight scales, described along their own direction, so that size and
    rotation do not matter. A mirror image has other descriptors.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.

    Returns:
        In a fixed order; none for a blank image.
    """
    grey = np.asarray(cv2.cvtColor(_at_working_size(image), cv2.COLOR_RGB2GRAY))
    orb = cv2.ORB.create(nfeatures=_CANDIDATES, fastThreshold=_FAST_THRESHOLD)
    found, bits = orb.detectAndCompute(grey, None)
    if bits is None:
        return Keypoints(np.zeros((0, 2), np.float32), np.zeros((0, WORDS), np.uint64))
    points = np.array([corner.pt for corner in found], np.float32)
    strengths = np.array([corner.response for corner in found])
    chosen = _clearest_of_each_cell(points, strengths, (grey.shape[0], grey.shape[1]))
    return Keypoints(points[chosen], np.ascontiguousarray(bits[chosen]).view(np.uint64))


def _at_working_size(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = (AREA / (height * width)) ** 0.5
    return resize(image, (max(round(height * scale), 1), max(round(width * scale), 1)))


def _clearest_of_each_cell(
    points: NDArray[np.float32], strengths: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.intp]:
    """Return the indices of the strongest few of each cell."""
    column, row = (points * (_CELLS / np.array(size[::-1]))).astype(int).clip(0, _CELLS - 1).T
    cell = row * _CELLS + column
    # position too, so that equal strengths do not leave the order to the detector's threads
    order = np.lexsort((points[:, 0], points[:, 1], -strengths, cell))
    starts = np.searchsorted(cell[order], np.arange(_CELLS * _CELLS))
    place_in_cell = np.arange(len(order)) - starts[cell[order]]
    return order[place_in_cell < _PER_CELL]
