"""Features of two sets laid out in one plane, to be looked at.

McInnes et al., "UMAP: uniform manifold approximation and projection for dimension reduction",
2018, with the reference implementation. Which points are neighbours means something; distances
between far groups, their sizes and the empty space between them do not.
"""

import warnings

import torch
from torch import Tensor

NUM_NEIGHBOURS = 15
"""The default of UMAP; fewer where there are fewer features."""
MIN_FEATURES = 5
"""Of fewer, there is no graph of neighbours to lay out."""


def umap_plane(features: Tensor, *, seed: int) -> Tensor:
    """Return a place in the plane for each feature, ``(N, 2)`` float64 on the CPU.

    The same on one machine for one seed (it then takes one core); other machines and versions of
    the library lay out another plane of the same neighbours.

    Args:
        features: ``(N, D)`` float, N at least `MIN_FEATURES`.
        seed: Of the layout.

    Raises:
        ValueError: If there are too few features.
    """
    if len(features) < MIN_FEATURES:
        raise ValueError(
            f"{len(features)} features cannot be laid out: give at least {MIN_FEATURES}"
        )
    with warnings.catch_warnings():
        # a variant of UMAP that is not used here would need it
        warnings.filterwarnings("ignore", "Tensorflow not installed", ImportWarning)
        from umap import UMAP  # here, since it takes seconds that nothing else should wait for

    layout = UMAP(
        n_neighbors=min(NUM_NEIGHBOURS, len(features) - 1),
        init="spectral" if len(features) > NUM_NEIGHBOURS else "random",
        random_state=seed % 2**32,  # NumPy takes 32 bits
        n_jobs=1,  # what a seed means anyway; otherwise it warns
    )
    return torch.from_numpy(layout.fit_transform(features.float().cpu().numpy())).double()
