"""Scores of a set of images: means over the images, and maxima of mean curves.

Everything is summed as integers (`metrics.fixed_point`), so neither the order of the images nor the
number of processes changes a digit.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass

import torch
from torch import Tensor

from metrics.f_measure import f_curves, f_measure
from metrics.fixed_point import STEPS_PER_UNIT, fixed_mean, to_fixed
from metrics.measures import CURVES, MEASURES, OF_THE_SET, VARIANTS
from metrics.scores import ImageScores

COUNTED = frozenset({"hce"})
"""Whole values, far above 1: their sums need no fraction, and would leave it no room."""
MAX_F = "max_f"
"""In `Sums`: the maximum of each image's own F curve, whose mean is one of `VARIANTS`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """Sums over images, int64 on the CPU; those of two sets add up to those of their union."""

    num_images: Tensor
    """``()``."""
    values: Tensor
    """``(K,)``, one a key of `summed_keys`."""
    curves: Tensor
    """``(len(CURVES), 256)``."""
    found: Tensor
    """``(2, 256)``: false and true positives of all pixels of all images."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SetScores:
    """Scores of a set of images; NaN for an empty one."""

    num_images: int
    means: dict[str, float]
    """Mean over the images by key of `summed_keys`."""
    curves: dict[str, Tensor]
    """``(256,)`` float64, means over the images, by the names of `metrics.measures.CURVES`."""
    found: Tensor
    """``(2, 256)`` int64: false and true positives of all pixels of all images."""

    def values(self) -> dict[str, float]:
        """Return the number of every measured `Measure` by its key."""
        maxima = {key: float(self.curves[curve].max()) for key, curve in OF_THE_SET.items()}
        values = self.means | maxima
        return {m.key: values[m.key] for m in MEASURES if m.key in values}

    def variants(self) -> dict[str, float]:
        """Return the numbers of `metrics.measures.VARIANTS` by key."""
        of_means = f_measure(self.curves["precision"], self.curves["recall"])
        values = {
            "max_iou": float(self.curves["iou"].max()),
            "max_dice": float(self.curves["dice"].max()),
            "max_f_of_mean_precision_and_recall": float(of_means.max()),
            "mean_of_max_f": self.means[MAX_F],
            "max_f_of_pooled_pixels": float(f_curves(self.found, self.found[1, 0]).f.max()),
        }
        return {variant.key: values[variant.key] for variant in VARIANTS}


def summed_keys(measures: Set[str]) -> tuple[str, ...]:
    """Return what is summed when `measures` are asked for, in order: `MAX_F` first."""
    asked = (m.key for m in MEASURES if m.pixelwise or m.key in measures)
    return (MAX_F, *(key for key in asked if key not in OF_THE_SET))


def sums_of(scores: Sequence[ImageScores], keys: Sequence[str]) -> Sums:
    """Return the sums over any number of images.

    Args:
        scores: Each with a value for every key but `MAX_F`.
        keys: See `summed_keys`.
    """
    values = [
        [float(s.curves["f"].max()) if key == MAX_F else s.values[key] for key in keys]
        for s in scores
    ]
    fixed = to_fixed(torch.tensor(values, dtype=torch.float64).view(-1, len(keys)), _steps(keys))
    # one image at a time: thousands of curves at once would fill the memory for nothing
    total, found = (torch.zeros(n, 256, dtype=torch.int64) for n in (len(CURVES), 2))
    for of_image in scores:
        total += to_fixed(torch.stack([of_image.curves[name] for name in CURVES]))
        found += of_image.found
    return Sums(
        num_images=torch.tensor(len(scores)), values=fixed.sum(0), curves=total, found=found
    )


def mean_of(sums: Sums, keys: Sequence[str]) -> SetScores:
    """Return the scores of the set that was summed.

    Args:
        sums: As `sums_of` returns.
        keys: The same.
    """
    means = fixed_mean(sums.values, sums.num_images, _steps(keys)).tolist()
    curves = fixed_mean(sums.curves, sums.num_images)
    return SetScores(
        num_images=int(sums.num_images),
        means=dict(zip(keys, means, strict=True)),
        curves=dict(zip(CURVES, curves, strict=True)),
        found=sums.found,
    )


def set_scores(scores: Sequence[ImageScores]) -> SetScores:
    """Average the scores of at least one image; the order of the images changes no digit."""
    keys = summed_keys(scores[0].values.keys())
    return mean_of(sums_of(scores, keys), keys)


def _steps(keys: Sequence[str]) -> Tensor:
    return torch.tensor([1 if key in COUNTED else STEPS_PER_UNIT for key in keys])
