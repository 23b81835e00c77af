"""How sure the headline numbers are: a bootstrap over the images of the run."""

from collections.abc import Sequence

import numpy as np

from callbacks.compare_statistics import LEVEL, RunScores, run_draws
from callbacks.report_content import Row
from callbacks.report_measures import LITERATURE
from metrics.measures import OF_THE_SET

NUM_DRAWS = 1000
"""The ends then rest on 25 draws each, which is enough for the digits shown."""
_SEED = 0


def headline_intervals(rows: Sequence[Row]) -> dict[str, tuple[float, float]]:
    """Return the percentile interval of each measure of `LITERATURE` over drawn images, by key.

    Images are drawn with replacement, each for itself, as for `callbacks.compare_statistics`. What
    another training run would give is not in it. Empty for fewer than two images; a measure that
    some image has no number of is left out.
    """
    if len(rows) < 2:
        return {}
    keys = [key for key in LITERATURE if key in rows[0].scores.values]
    values = {key: np.array([row.scores.values[key] for row in rows]) for key in keys}
    curves = {
        key: np.stack([row.scores.curves[curve].numpy() for row in rows])
        for key, curve in OF_THE_SET.items()
        if key in LITERATURE
    }
    scores = RunScores(
        values={key: of_key for key, of_key in values.items() if np.isfinite(of_key).all()},
        curves={key: of_key for key, of_key in curves.items() if np.isfinite(of_key).all()},
    )
    draws = run_draws(scores, np.arange(len(rows)), num_draws=NUM_DRAWS, seed=_SEED)
    ends = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    found = {key: np.quantile(of_key, ends) for key, of_key in draws.items()}
    return {key: (float(low), float(high)) for key, (low, high) in found.items()}
