"""What is kept of a tested run, image by image: enough for paired intervals.

The F curve is kept at every fifth threshold, in 16 bits: max F of these 52 differs from that of all
256 by less than .0005 where a network is trained. The exact one is in the row.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np

from callbacks.compare_statistics import RunScores
from datamodules.atomic import write_atomically
from metrics.measures import PIXELWISE
from metrics.scores import ImageScores

MEASURES = PIXELWISE | {"boundary_iou"}
KEPT = ("mae", "iou", "boundary_iou")
_LEVELS = slice(0, 256, 5)
_STEPS = 2**16 - 1


def run_scores(scores: Sequence[ImageScores]) -> RunScores:
    """Return the scores of all images of a test, in its order."""
    return RunScores(
        values={key: np.array([each.values[key] for each in scores]) for key in KEPT},
        curves={"max_f": np.stack([each.curves["f"].numpy() for each in scores])},
    )


def save(path: Path, scores: RunScores) -> None:
    """Write the scores of a run into one small file, whole or not at all."""
    shares = {**scores.values, "max_f": scores.curves["max_f"][:, _LEVELS]}
    steps = {key: np.round(value * _STEPS).astype(np.uint16) for key, value in shares.items()}
    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **steps)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())


def load(path: Path) -> RunScores:
    """Return the scores of a file."""
    with np.load(path, allow_pickle=False) as stored:
        values = {key: stored[key] / _STEPS for key in KEPT}
        return RunScores(values=values, curves={"max_f": stored["max_f"] / _STEPS})
