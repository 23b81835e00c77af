"""Paired bootstrap of differences between methods, over images (or groups of them) and seeds.

The images of a test set are a sample of all images that might have been in it, and the runs of a
method a sample of its seeds. Drawing both anew, with replacement, shows how far a difference would
move. Every method sees the same draws of images: what makes an image hard then cancels.

Sources: Efron and Tibshirani, An Introduction to the Bootstrap, 1993 (percentile interval); Rao and
Wu, Resampling Inference with Complex Survey Data, JASA 1988 (one unit fewer is drawn than there
are, so that the variance is unbiased); Owen, The Pigeonhole Bootstrap, Annals of Applied Statistics
2007 (drawing two crossed factors at once counts their interaction three times).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.seeds import seed_for

Values = NDArray[np.float64]
Draws = Mapping[str, Values]
"""Key of a measure -> ``(num_draws,)``."""

LEVEL = 0.95
DETECTABLE_IN_STANDARD_ERRORS = 1.96 + 0.84
"""Normal quantiles of .975 and .80: found by a two-sided test at 5 % in 80 % of all test sets."""
DECIMALS = 9
"""Differences are rounded to so many: what is smaller comes from the order of sums."""
_CHUNK = 2**20
"""Weights held at once: 8 MiB, so memory does not grow with the number of draws."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunScores:
    """Scores of one run, image by image; the images stand in the same order in every run."""

    values: Mapping[str, Values]
    """Measures that are means over the images: key -> ``(N,)``."""
    curves: Mapping[str, Values]
    """Measures that are the maximum of the mean curve: key -> ``(N, T)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A difference (method minus baseline) and what the bootstrap says about it."""

    difference: float
    low: float
    high: float
    """Percentile interval of `LEVEL`."""
    standard_error: float
    p: float
    """Twice the share of draws on the other side of 0 than most, in (0, 1]; like a p value."""

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of 0."""
        return self.low > 0 or self.high < 0

    @property
    def detectable(self) -> float:
        """Smallest true difference that such data shows with 80 % power at the 5 % level."""
        return DETECTABLE_IN_STANDARD_ERRORS * self.standard_error


def scores_of_set(scores: RunScores) -> dict[str, float]:
    """Return the number of every measure over all images, by key."""
    means = {key: float(values.mean()) for key, values in scores.values.items()}
    maxima = {key: float(curve.mean(0).max()) for key, curve in scores.curves.items()}
    return means | maxima


def run_draws(scores: RunScores, units: NDArray[np.int64], *, num_draws: int, seed: int) -> Draws:
    """Return every measure of one run over resampled images.

    Args:
        scores: Of N images.
        units: ``(N,)``, the unit of each image, 0 to U - 1, each used. Units are drawn whole:
            images of one video are not independent.
        num_draws: At least 2.
        seed: The same seed and units give the same draws: runs are paired by it.

    Returns:
        Key -> ``(num_draws,)``, draw i over the same images for every run.

    Raises:
        ValueError: If there is only one unit: nothing can be drawn.
    """
    num_units = int(units.max()) + 1
    if num_units < 2:
        raise ValueError("all images are one unit: give groups of which there are several")
    sizes = np.bincount(units).astype(np.float64)
    keys = list(scores.values)
    sums = (
        _sum_by_unit(np.stack([scores.values[key] for key in keys], axis=1), units)
        if keys
        else None
    )
    curve_sums = {key: _sum_by_unit(curve, units) for key, curve in scores.curves.items()}
    chunks: dict[str, list[Values]] = {key: [] for key in (*keys, *curve_sums)}
    for weights in _weights(num_units, num_draws, seed):
        num_images = weights @ sizes
        if sums is not None:
            means = weights @ sums / num_images[:, None]
            for column, key in enumerate(keys):
                chunks[key].append(means[:, column])
        for key, curve in curve_sums.items():
            chunks[key].append((weights @ curve).max(1) / num_images)
    return {key: np.concatenate(parts) for key, parts in chunks.items()}


def method_draws(
    runs: Sequence[Draws], numbers: Sequence[Mapping[str, float]], *, name: str, seed: int
) -> Draws:
    """Return the draws of a method: the mean over its runs, with images and seeds drawn anew.

    The two are added, not nested: over drawn images the runs stay as they are, and over drawn seeds
    the images. That runs err on different images is in the first part already, so the second is
    shrunk by it; else the interval would be up to 1.7 times too wide. With one run there is nothing
    to draw: the spread of seeds is then missing.

    Args:
        runs: `run_draws` of each seed, at least one.
        numbers: `scores_of_set` of each seed.
        name: Of the method; methods draw their seeds independently of each other.
        seed: Of the bootstrap.
    """
    num = len(runs)
    if num == 1:
        return runs[0]
    num_draws = len(next(iter(runs[0].values())))
    generator = np.random.default_rng(seed_for(seed, "seeds", name))
    drawn = generator.multinomial(num - 1, np.full(num, 1 / num), size=num_draws) / (num - 1)
    return {
        key: _with_seeds(
            np.stack([run[key] for run in runs]),
            np.array([of_run[key] for of_run in numbers]),
            drawn,
        )
        for key in runs[0]
    }


def interval(difference: float, draws: Values) -> Interval:
    """Return the interval of a difference.

    Args:
        difference: Method minus baseline on the images and seeds as they are.
        draws: ``(num_draws,)``, the same difference in each draw.
    """
    rounded = draws.round(DECIMALS)
    low, high = np.quantile(rounded, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    # the difference itself counts as one draw, so that p is never 0
    tail = min(int((rounded <= 0).sum()), int((rounded >= 0).sum())) + 1
    return Interval(
        difference=round(difference, DECIMALS),
        low=float(low),
        high=float(high),
        standard_error=float(rounded.std(ddof=1)),
        p=min(1.0, 2 * tail / (len(rounded) + 1)),
    )


def _weights(num_units: int, num_draws: int, seed: int) -> Iterator[Values]:
    """Yield how often each unit was drawn, ``(draws of this chunk, num_units)``."""
    generator = np.random.default_rng(seed_for(seed, "images"))
    step = max(1, _CHUNK // num_units)
    for start in range(0, num_draws, step):
        num = min(step, num_draws - start)
        drawn = generator.integers(num_units, size=(num, num_units - 1))
        drawn += np.arange(num)[:, None] * num_units
        counts = np.bincount(drawn.ravel(), minlength=num * num_units)
        yield counts.reshape(num, num_units).astype(np.float64)


def _with_seeds(draws: Values, numbers: Values, drawn: Values) -> Values:
    """Return the mean over runs, moved by drawn images and by drawn seeds.

    Args:
        draws: ``(num_runs, num_draws)`` over drawn images.
        numbers: ``(num_runs,)`` over the images as they are.
        drawn: ``(num_draws, num_runs)``, the weight of each run in each draw.
    """
    mean = draws.mean(0)
    spread = numbers.var(ddof=1)
    # how far runs that are equally good differ because their errors fall on different images
    by_images = (draws - mean).var(axis=1, ddof=1).sum() / (len(numbers) - 1)
    share_of_seeds = max(0.0, 1 - by_images / spread) if spread > 0 else 0.0
    return mean + np.sqrt(share_of_seeds) * (drawn @ (numbers - numbers.mean()))


def _sum_by_unit(values: Values, units: NDArray[np.int64]) -> Values:
    order = np.argsort(units, kind="stable")
    starts = np.searchsorted(units[order], np.arange(int(units.max()) + 1))
    return np.add.reduceat(values[order], starts, axis=0)
