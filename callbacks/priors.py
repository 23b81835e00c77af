"""Predictions that have not seen the image: what a result must beat to mean anything."""

import cv2
import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from metrics.measures import PIXELWISE
from metrics.scores import ImageScores, image_scores

CENTRE_SIGMA = 0.25
"""Standard deviation of the centre prior, as a share of each side of the image."""

MEAN_MASK = "mean-mask prior"
CENTRE = "centre prior"


def centre_prior(size: tuple[int, int]) -> Tensor:
    """Return a Gaussian in the middle of the image, stretched to its shape.

    Args:
        size: (height, width).

    Returns:
        ``(height, width)`` uint8; 255 in the middle.
    """
    rows, columns = (_bell(side) for side in size)
    return torch.from_numpy(_quantised_product(rows, columns))


def mean_mask_prior(mean_mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the mean of the training masks at the size of one image.

    Args:
        mean_mask: ``(H, W)`` float in [0, 1], resized bilinearly as a network's map is. By OpenCV,
            five times as fast; a level in a thousand pixels may differ by one of 255.
        size: (height, width).

    Returns:
        ``(height, width)`` uint8.
    """
    levels = mean_mask.float().cpu().numpy() * 255
    resized = cv2.resize(levels, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(cv2.convertScaleAbs(resized))


def score_priors(
    mean_mask: Tensor | None, truth: Tensor, weight: Tensor | None
) -> dict[str, ImageScores]:
    """Score the priors on one image as a network's map is scored, by the pixelwise measures.

    Args:
        mean_mask: ``(H, W)`` float in [0, 1], resized to the truth. None leaves that prior out.
        truth: ``(h, w)`` uint8.
        weight: ``(h, w)`` uint8, 0 ignored. None: every pixel counts.

    Returns:
        Scores by the name of the prior.
    """
    size = (truth.shape[0], truth.shape[1])
    maps = {CENTRE: centre_prior(size)}
    if mean_mask is not None:
        maps = {MEAN_MASK: mean_mask_prior(mean_mask, size), **maps}
    return {
        name: image_scores(prior.to(truth.device), truth, weight, measures=PIXELWISE)
        for name, prior in maps.items()
    }


def _bell(side: int) -> NDArray[np.float32]:
    offsets = ((np.arange(side) + 0.5) / side - 0.5) / CENTRE_SIGMA
    return np.exp(-(offsets**2) / 2).astype(np.float32)


@njit(nogil=True, cache=True)
def _quantised_product(
    rows: NDArray[np.float32], columns: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Return ``floor(255 * rows[y] * columns[x] + .5)``, the rule of `metrics.quantise`."""
    product = np.empty((len(rows), len(columns)), np.uint8)
    for y in range(len(rows)):
        factor = np.float32(255) * rows[y]
        for x in range(len(columns)):
            product[y, x] = np.uint8(np.int32(factor * columns[x] + np.float32(0.5)))
    return product
