"""Scores of one image: every measure by its key, and the curves some of them are read from.

A further measure is a line of `metrics.measures.MEASURES` and one of `image_scores`.
"""

from collections.abc import Callable, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from metrics.adaptive import found_adaptively
from metrics.boundary_accuracy import mean_boundary_accuracy
from metrics.boundary_iou import boundary_iou
from metrics.e_measure import e_measure
from metrics.f_measure import f_curves
from metrics.hce import human_correction_effort
from metrics.histogram import (
    FOREGROUND_ABOVE,
    HALF,
    Quadrants,
    joint_histogram,
    positives,
    stretched,
    without_ignored,
)
from metrics.mae import mean_absolute_error
from metrics.measures import ALL_MEASURES, MEASURES, PIXELWISE
from metrics.overlap import dice, iou
from metrics.s_measure import s_measure
from metrics.shape import Shape, shape_of
from metrics.skeleton import skeleton
from metrics.weighted_f import weighted_f

Mask = NDArray[np.bool_]
"""``(h, w)``."""
Thinner = Callable[[Mask], Mask]
"""From a truth to its skeleton: `metrics.skeleton.skeleton`, or one that remembers."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageScores:
    """Scores of one image."""

    values: dict[str, float]
    """By key, in the order of `MEASURES`: those that were asked for and that one image has."""
    curves: dict[str, Tensor]
    """``(256,)`` float64 on the CPU by the names of `CURVES`, element t at threshold t / 255."""
    found: Tensor
    """``(2, 256)`` int64 on the CPU: false and true positives at the same thresholds. At 0
    everything is found, so ``found[1, 0]`` is the size of the object in pixels."""
    shape: Shape | None
    """Of the truth, for whoever sorts scores by it; None without HCE, which needs its skeleton."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluated:
    """What a test or validation step returns: one map and its scores per sample of the batch."""

    maps: list[Tensor]
    """``(h, w)`` uint8 each, at the truth's own size."""
    scores: list[ImageScores]


def image_scores(
    prediction: Tensor,
    truth: Tensor,
    weight: Tensor | None = None,
    *,
    measures: Set[str] = ALL_MEASURES,
    thinner: Thinner = skeleton,
) -> ImageScores:
    """Score one map at the size of its truth, on whatever device both are.

    Args:
        prediction: ``(h, w)`` uint8, 255 certainly foreground.
        truth: ``(h, w)`` uint8, foreground above 128.
        weight: ``(h, w)`` uint8; where it is 0 the prediction takes the truth's value. None: every
            pixel counts.
        measures: Keys of `MEASURES`. The pixelwise ones come together, from one histogram that is
            counted on the arguments' device; each other is computed on the CPU, if asked for.
        thinner: Gives the skeleton of the truth, for HCE.

    Raises:
        ValueError: If sizes or dtypes do not fit.

    Example:
        >>> import torch
        >>> truth = torch.tensor([[0, 255]], dtype=torch.uint8)
        >>> image_scores(truth, truth).values["mae"]
        0.0
    """
    scored = without_ignored(prediction, truth, weight)
    quadrants = joint_histogram(scored, truth)
    found = positives(quadrants.histogram)
    curves = _curves(found, quadrants)
    values = _pixelwise(scored, quadrants, curves)
    shape = None
    if not measures <= PIXELWISE:
        values_at = stretched(quadrants.histogram).numpy()
        plane, object_ = scored.cpu().numpy(), (truth > FOREGROUND_ABOVE).cpu().numpy()
        binary = (values_at > HALF)[plane]
        if "weighted_f" in measures:
            values["weighted_f"] = weighted_f(plane, object_, values_at)
        if "hce" in measures:
            thin = thinner(object_)
            values["hce"] = float(human_correction_effort(binary, object_, thin))
            shape = shape_of(object_, thin)
        if "boundary_iou" in measures:
            values["boundary_iou"] = boundary_iou(binary, object_)
        if "mba" in measures:
            values["mba"] = mean_boundary_accuracy(binary, object_)
    return ImageScores(
        values={m.key: values[m.key] for m in MEASURES if m.key in values},
        curves=curves,
        found=found,
        shape=shape,
    )


def _curves(found: Tensor, quadrants: Quadrants) -> dict[str, Tensor]:
    h, w = quadrants.size
    of_f = f_curves(found, found[1, 0])
    return {
        "precision": of_f.precision,
        "recall": of_f.recall,
        "f": of_f.f,
        "e": e_measure(found, found[1, 0], h * w),
        "iou": iou(found, found[1, 0]),
        "dice": dice(found, found[1, 0]),
    }


def _pixelwise(
    prediction: Tensor, quadrants: Quadrants, curves: dict[str, Tensor]
) -> dict[str, float]:
    h, w = quadrants.size
    histogram = quadrants.histogram
    adaptive = found_adaptively(histogram, prediction)
    half = histogram[:, stretched(histogram) > HALF].sum(1)
    num_foreground = histogram[1].sum()
    return {
        "mae": mean_absolute_error(histogram),
        "mean_f": float(curves["f"].mean()),
        "adaptive_f": float(f_curves(adaptive, num_foreground).f),
        "s": s_measure(quadrants),
        "mean_e": float(curves["e"].mean()),
        "adaptive_e": float(e_measure(adaptive, num_foreground, h * w)),
        "iou": float(iou(half, num_foreground)),
        "dice": float(dice(half, num_foreground)),
    }
