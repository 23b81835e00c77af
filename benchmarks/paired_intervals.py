"""How far two methods differ on the same images, with an interval."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from callbacks.compare_statistics import (
    Draws,
    Interval,
    RunScores,
    interval,
    method_draws,
    run_draws,
    scores_of_set,
)

NUM_DRAWS = 2000
"""Of the bootstrap: the ends of an interval then rest on 50 draws each."""
_SEED = 0


def differences(
    method: Sequence[RunScores],
    baseline: Sequence[RunScores],
    units: NDArray[np.int64] | None = None,
) -> dict[str, Interval]:
    """Return what a method has more than a baseline, by key.

    Both see the same draws of images; seeds are drawn for each by itself. See
    `callbacks.compare_statistics`.

    Args:
        method: Scores of each of its runs, all on the same images in the same order.
        baseline: The same of the other one.
        units: ``(N,)`` number of the unit of each image, such as its video. None: each by itself.
    """
    of_method, numbers = _drawn(method, units, "method")
    of_baseline, others = _drawn(baseline, units, "baseline")
    return {
        key: interval(numbers[key] - others[key], of_method[key] - of_baseline[key])
        for key in numbers
    }


def shown(found: Interval) -> str:
    """Return a difference and its interval as a cell of a table."""
    return f"{found.difference:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


def _drawn(
    runs: Sequence[RunScores], units: NDArray[np.int64] | None, name: str
) -> tuple[Draws, Mapping[str, float]]:
    """Return the draws of a method, and its numbers on the images as they are."""
    numbers = [scores_of_set(run) for run in runs]
    if units is None:
        units = np.arange(len(next(iter(runs[0].values.values()))))
    draws = [run_draws(run, units, num_draws=NUM_DRAWS, seed=_SEED) for run in runs]
    means = {key: float(np.mean([each[key] for each in numbers])) for key in numbers[0]}
    return method_draws(draws, numbers, name=name, seed=_SEED), means
