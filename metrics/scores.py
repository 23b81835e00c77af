"""Scores of one image and of a set of images.

The keys and their order are the same in logs, tables and files: `MEASURES`. A further metric is one
field of `ImageScores`, one of `SetScores` and one line of `MEASURES`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from metrics.f_measure import adaptive_f, f_curves
from metrics.fixed_point import fixed_mean, to_fixed
from metrics.histogram import joint_histogram, without_ignored
from metrics.mae import mean_absolute_error


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number that a set of images is judged by."""

    key: str
    """Name in logs and files."""
    title: str
    """Name in tables."""
    higher_is_better: bool


MEASURES = (
    Measure(key="mae", title="MAE", higher_is_better=False),
    Measure(key="max_f", title="max F", higher_is_better=True),
    Measure(key="mean_f", title="mean F", higher_is_better=True),
    Measure(key="adaptive_f", title="adaptive F", higher_is_better=True),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageScores:
    """Scores of one image. Curves are ``(256,)`` float64 on the CPU, element t at t / 255."""

    mae: float
    adaptive_f: float
    precision: Tensor
    recall: Tensor
    f: Tensor

    @property
    def mean_f(self) -> float:
        """Mean of the F curve."""
        return float(self.f.mean())


def image_scores(prediction: Tensor, truth: Tensor, weight: Tensor | None) -> ImageScores:
    """Score one map at the size of its truth, on whatever device both are.

    Args:
        prediction: ``(h, w)`` uint8, 255 certainly foreground.
        truth: ``(h, w)`` uint8, foreground above 128.
        weight: ``(h, w)`` uint8; where it is 0 the prediction takes the truth's value. None: every
            pixel counts.

    Raises:
        ValueError: If sizes or dtypes do not fit.

    Example:
        >>> truth = torch.tensor([[0, 255]], dtype=torch.uint8)
        >>> image_scores(truth, truth, None).mae
        0.0
    """
    scored = without_ignored(prediction, truth, weight)
    histogram = joint_histogram(scored, truth)
    curves = f_curves(histogram)
    return ImageScores(
        mae=mean_absolute_error(histogram),
        adaptive_f=adaptive_f(histogram, scored),
        precision=curves.precision,
        recall=curves.recall,
        f=curves.f,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluated:
    """What a test or validation step returns: one map and its scores per sample of the batch."""

    maps: list[Tensor]
    """``(h, w)`` uint8 each, at the truth's own size."""
    scores: list[ImageScores]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SetScores:
    """Scores of a set of images: means over the images. Curves as in `ImageScores`."""

    num_images: int
    mae: float
    adaptive_f: float
    precision: Tensor
    recall: Tensor
    f: Tensor

    def values(self) -> dict[str, float]:
        """Return the number of every `Measure` by its key."""
        return {
            "mae": self.mae,
            "max_f": float(self.f.max()),
            "mean_f": float(self.f.mean()),
            "adaptive_f": self.adaptive_f,
        }


def set_scores(scores: Sequence[ImageScores]) -> SetScores:
    """Average the scores of at least one image; the order of the images changes no digit."""
    num = torch.tensor(len(scores))

    def mean(values: list[Tensor]) -> Tensor:
        return fixed_mean(to_fixed(torch.stack(values)).sum(0), num)

    return SetScores(
        num_images=len(scores),
        mae=float(mean([torch.tensor(s.mae, dtype=torch.float64) for s in scores])),
        adaptive_f=float(mean([torch.tensor(s.adaptive_f, dtype=torch.float64) for s in scores])),
        precision=mean([s.precision for s in scores]),
        recall=mean([s.recall for s in scores]),
        f=mean([s.f for s in scores]),
    )
