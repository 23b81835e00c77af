"""The terms that a mask editor learns from: adversarial, content, structure, and diversity.

MaskFactory (Qian et al., NeurIPS 2024) names three, with weights 1, 0.8 and 0.5; its formulas are
not public. Its released code has, for an edit e of a source s and a discriminator D::

    adversarial  BCE(D(e), 1)                   content  mean |e - s|
    structure    mean (e - s)^2, or the same of 3x3 box sums; the graph enters neither

As content and structure stand there, the identity is best in both. Ours, below, ask for as much
change as the strength says, and compare graphs. Diversity is ours altogether.
Letters: B edits; H, W size of the masks; N points of a graph, E edges of all B graphs together.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from metrics.contour_graph import contour_graph
from networks.flow import move_points

_RADIUS = 1.5
"""Spacings up to which points are neighbours, see `metrics.contour_graph.contour_graph`."""
_SOFTNESS = 0.25
"""Spacings over which the soft adjacency falls from .73 to .27."""


class Graphs(NamedTuple):
    """Contour graphs of a batch of masks."""

    points: Tensor
    """``(B, N, 2)`` float xy in pixels; zeros where a mask is empty."""
    edges: Tensor
    """``(E, 2)`` int64, numbers of points with ``b * N`` added for mask b."""
    spacing: Tensor
    """``(B,)`` float, mean distance of neighbours in pixels; 0 where a mask is empty."""


def adversarial(logits: Tensor) -> Tensor:
    """Return ``mean softplus(-D(e))``, which is the published BCE(D(e), 1) without its sigmoid.

    Args:
        logits: Of edits, any shape, any real value.
    """
    return F.softplus(-logits).mean()


def discrimination(real: Tensor, edited: Tensor) -> Tensor:
    """Return ``(BCE(D(real), 1) + BCE(D(edit), 0)) / 2``, as published, from logits."""
    return (F.softplus(-real).mean() + F.softplus(edited).mean()) / 2


def content(edit: Tensor, source: Tensor, strength: Tensor) -> Tensor:
    """Return ``mean | sum |e - s| / sum max(e, s) - strength |``.

    The fraction is the published L1 distance measured in areas of the mask, which is 1 - IoU; at
    strength 0 it is asked to be 0, as published.

    Args:
        edit: ``(B, 1, H, W)`` float in [0, 1].
        source: Likewise.
        strength: ``(B,)`` float in [0, 1).
    """
    changed = (edit - source).abs().sum((1, 2, 3))
    union = torch.maximum(edit, source).sum((1, 2, 3)).clamp_min(1)
    return (changed / union - strength).abs().mean()


def structure(graphs: Graphs, forward: Tensor, size: tuple[int, int]) -> Tensor:
    """Return how far the flow changes the graph of the source.

    The graph of the edit is that of the source, carried by the flow: points match by themselves,
    and the term is differentiable in the flow. With lengths l of edges before and l' after, and
    with adjacency ``a = sigmoid((1.5 d - l) / (0.25 d))`` at the mean spacing d::

        mean over edges |log(l' / l)|  +  sum over pairs |a' - a| / sum over pairs a

    The first keeps lengths along the contour and widths across struts, so that limbs bend rather
    than swell; the second keeps apart what was apart.

    Args:
        graphs: Of the sources, from `graphs_of`.
        forward: ``(B, 2, h, w)`` displacement, see `networks.flow`.
        size: (H, W) of the sources.
    """
    moved = move_points(graphs.points, forward, size)
    stretch = (_lengths(moved, graphs.edges) / _lengths(graphs.points, graphs.edges)).log().abs()
    before, after = _adjacency(graphs.points, graphs.spacing), _adjacency(moved, graphs.spacing)
    # one value a mask first: a mask with many edges counts no more than any other
    joined = (after - before).abs().sum((1, 2)) / before.sum((1, 2)).clamp_min(1)
    owner = graphs.edges[:, 0] // graphs.points.shape[1]
    count = stretch.new_zeros(len(graphs.points)).index_add(0, owner, torch.ones_like(stretch))
    total = torch.zeros_like(count).index_add(0, owner, stretch)
    return (total / count.clamp_min(1) + joined).mean()


def published_structure(edit: Tensor, source: Tensor) -> Tensor:
    """Return the squared error of the means of 3x3 pixels, for editors without a flow.

    The released code has sums, 9 times as much, so that its square counts 81 times; with means the
    published weight keeps the three terms comparable.

    Args:
        edit: ``(B, 1, H, W)`` float in [0, 1].
        source: Likewise.
    """
    means = F.avg_pool2d(torch.cat([edit, source], 1), 3, stride=1, padding=1)
    return (means[:, 0] - means[:, 1]).square().mean()


def sameness(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean cosine of what two latent codes make of one source, not below 0.

    Ours: a generator that ignores its code gives 1, unrelated changes 0. Unlike a ratio of
    distances (mode seeking, Mao et al., CVPR 2019) it rewards no growth.

    Args:
        first: ``(B, ...)`` float: velocity, displacement or change of the mask.
        second: Of the same sources.
    """
    return F.cosine_similarity(first.flatten(1), second.flatten(1)).clamp_min(0).mean()


def graphs_of(masks: Tensor, num_points: int) -> Graphs:
    """Return the contour graphs of masks at level 0.5, on the device of the masks.

    Args:
        masks: ``(B, 1, H, W)`` float in [0, 1].
        num_points: N of each graph, at least 3.
    """
    found = [
        contour_graph(mask, num_points=num_points) for mask in (masks[:, 0] > 0.5).cpu().numpy()
    ]
    points = np.zeros((len(found), num_points, 2))
    spacing = np.zeros(len(found))
    edges = [np.zeros((0, 2), np.int64)]
    for place, graph in enumerate(found):
        if not len(graph.points):
            continue
        points[place] = graph.points
        steps = np.diff(graph.points, axis=0)[np.diff(graph.contours) == 0]
        spacing[place] = np.hypot(*steps.T).mean()
        # points of a tiny part fall together, and have no direction to be stretched in
        ends = graph.points[graph.edges]
        apart = np.hypot(*(ends[:, 0] - ends[:, 1]).T) > 0.5
        edges.append(graph.edges[apart] + place * num_points)
    return Graphs(
        points=torch.as_tensor(points, dtype=masks.dtype, device=masks.device),
        edges=torch.as_tensor(np.concatenate(edges), device=masks.device),
        spacing=torch.as_tensor(spacing, dtype=masks.dtype, device=masks.device),
    )


def _lengths(points: Tensor, edges: Tensor) -> Tensor:
    ends = points.flatten(0, 1)[edges]
    # where points fall together the root has no slope
    return ((ends[:, 0] - ends[:, 1]).square().sum(1) + 1e-4).sqrt()


def _adjacency(points: Tensor, spacing: Tensor) -> Tensor:
    """Return the soft adjacency ``(B, N, N)`` of each point to the others, 0 to itself."""
    apart = ((points[:, :, None] - points[:, None]).square().sum(3) + 1e-4).sqrt()
    unit = spacing.view(-1, 1, 1).clamp_min(1e-3)
    joined = torch.sigmoid((_RADIUS * unit - apart) / (_SOFTNESS * unit))
    itself = torch.eye(points.shape[1], device=points.device, dtype=points.dtype)
    return joined * (1 - itself) * (spacing > 0).view(-1, 1, 1)
