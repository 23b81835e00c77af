"""The graph of a mask as MaskFactory publishes it: for a figure, not for a loss.

Qian et al., "MaskFactory", NeurIPS 2024 (arXiv 2412.19080); written from a description of the
released topology script. The paper compares such graphs, the released training does not use them.
Long outlines leave the points farther apart than 20 px: of the first procedural scene of each class
10 of 16 have no edge, solid photographed silhouettes 0 to 7, and the seed of the clustering alone
adds or removes two or three. For use there is `metrics.contour_graph`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.feature import canny
from sklearn.cluster import KMeans

NUM_POINTS = 50
MAX_DISTANCE = 20.0
"""Pixels, strictly below; meant for masks of 512 x 512."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PublishedGraph:
    """Key points of a mask, and pairs of them."""

    points: NDArray[np.int64]
    """``(N, 2)`` xy in pixels, N at most 50, in no order."""
    edges: NDArray[np.int64]
    """``(E, 2)``: pairs of points, the lower number first, each pair once, sorted."""


def published_graph(mask: NDArray[np.bool_]) -> PublishedGraph:
    """Cluster a mask's Canny edge pixels into 50 key points and join those nearer than 20 px.

    Args:
        mask: ``(h, w)`` bool, 512 x 512 in the publication.

    Returns:
        All edge pixels, where there are at most 50.
    """
    edge = canny(mask)  # type: ignore[no-untyped-call]  # scikit-image ships no types
    pixels = np.argwhere(edge)[:, ::-1]
    if len(pixels) > NUM_POINTS:
        # centres are cut, not rounded, as published
        pixels = KMeans(NUM_POINTS, random_state=0).fit(pixels).cluster_centers_
    points = pixels.astype(np.int64)
    near = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1)) < MAX_DISTANCE
    return PublishedGraph(points=points, edges=np.argwhere(np.triu(near, 1)).astype(np.int64))
