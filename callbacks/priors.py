"""Predictions that have not seen the image: what a result must beat to mean anything."""

import torch
from torch import Tensor

from metrics.measures import PIXELWISE
from metrics.quantise import resize, to_uint8
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
        ``(height, width)`` float in (0, 1]; 1 in the middle.
    """
    rows, columns = (torch.arange(side) + 0.5 for side in size)
    y, x = (rows / size[0] - 0.5) / CENTRE_SIGMA, (columns / size[1] - 0.5) / CENTRE_SIGMA
    return torch.outer(torch.exp(-(y**2) / 2), torch.exp(-(x**2) / 2))


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
        maps = {MEAN_MASK: resize(mean_mask, size), **maps}
    return {
        name: image_scores(
            to_uint8(probabilities).to(truth.device), truth, weight, measures=PIXELWISE
        )
        for name, probabilities in maps.items()
    }
