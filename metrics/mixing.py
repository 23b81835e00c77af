"""How well two sets are mixed: whose neighbours are whose, relative to chance.

The count of nearest neighbours that come from the other set is the two-sample statistic of
Schilling, "Multivariate two-sample tests based on nearest neighbors", JASA 1986. In the plane of
`metrics.umap_plane` it is our "UMAP similarity": MaskFactory (NeurIPS 2024, table 3) reports one
without its definition or code, so the numbers do not compare with that table.
"""

import torch
from torch import Tensor

from metrics.mmd import require_sets
from metrics.neighbours import nearest_others

NUM_NEIGHBOURS = 5
"""As in `metrics.prdc`: local, and many enough that one copy does not decide."""


def mixing(first: Tensor, second: Tensor, *, k: int = NUM_NEIGHBOURS) -> float:
    """Return the share of neighbours from the other set, divided by what chance gives.

    Each set counts half, whatever its size. A set of copies of the other exceeds 1: the copy is
    the nearest neighbour.

    Args:
        first: ``(N, D)`` float, N at least 1.
        second: ``(M, D)`` float, M at least 1.
        k: Number of neighbours.

    Returns:
        0 for sets apart, 1 for sets of one distribution, more where each hugs the other.

    Raises:
        ValueError: If there are too few features, a set is empty, or the dimensions differ.
    """
    require_sets(first, second)
    num_first, num_second = len(first), len(second)
    if not num_first or not num_second:
        raise ValueError("an empty set mixes with nothing: give at least one feature of each")
    is_second = torch.arange(num_first + num_second, device=first.device) >= num_first
    _, places = nearest_others(torch.cat([first, second]), k)
    from_other = (is_second[places] != is_second[:, None]).double().mean(1)
    others = num_first + num_second - 1
    around_first = from_other[~is_second].mean() * others / num_second
    around_second = from_other[is_second].mean() * others / num_first
    return float((around_first + around_second) / 2)
