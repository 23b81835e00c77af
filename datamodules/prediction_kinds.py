"""Whether predictions look like maps at all: folders that were mixed up score without a word."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datamodules.decode import read_bytes
from datamodules.decode_mask import read_mask
from datamodules.parallel import map_in_threads
from datamodules.prediction_files import ScoredFiles
from datamodules.prediction_views import read_map
from datamodules.problems import Problem, ProblemKind

NUM_LOOKED_AT = 12
"""Pairs that are decoded, evenly over all: whoever mixes up folders mixes up all of their files."""
_MANY_LEVELS = 32  # an outline that was smoothed a little, or kept as JPEG, has fewer in between
_LEAST = 3  # pairs: of fewer, all may be binary by chance
_LEAST_SATURATION = 64  # of 255; what JPEG does to greys stays below
_NUM_HUES = 12
_LEAST_SHARE = 0.01  # of the pixels, for a hue to count


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    files: ScoredFiles
    levels_of_truth: int
    prediction_is_binary: bool
    prediction_is_coloured: bool


def doubtful_predictions(files: Sequence[ScoredFiles]) -> list[Problem]:
    """Return what makes it doubtful that the predictions are maps, from some of the files.

    Args:
        files: Of the images to score, each readable.

    Raises:
        DecodeError: If a file cannot be decoded after all.
    """
    step = max(1, len(files) / NUM_LOOKED_AT)
    places = sorted({int(step * n) for n in range(min(len(files), NUM_LOOKED_AT))})
    looks = map_in_threads(_look_at, [files[n] for n in places], title="", progress=False)
    return [
        *_swapped(looks),
        *(_coloured(look.files) for look in looks if look.prediction_is_coloured),
    ]


def is_coloured(path: Path) -> bool:
    """Return whether an image has several hues: a map is grey, or foreground of one colour."""
    stored = cv2.imdecode(np.frombuffer(read_bytes(path), np.uint8), cv2.IMREAD_REDUCED_COLOR_2)
    if stored is None:
        return False
    hue, saturation, value = cv2.split(cv2.cvtColor(stored, cv2.COLOR_BGR2HSV))
    vivid = (saturation >= _LEAST_SATURATION) & (value >= _LEAST_SATURATION)
    # OpenCV's hues go from 0 to 179; half a bin further, red is one hue and not two
    width = 180 // _NUM_HUES
    bins = (hue[vivid].astype(np.int64) + width // 2) % 180 // width
    counts = np.bincount(bins, minlength=_NUM_HUES)
    return int((counts > _LEAST_SHARE * vivid.size).sum()) > 1


def _look_at(files: ScoredFiles) -> _Look:
    return _Look(
        files=files,
        levels_of_truth=_num_between(read_mask(files.mask)),
        prediction_is_binary=len(np.unique(read_map(files.prediction))) <= 2,
        prediction_is_coloured=is_coloured(files.prediction),
    )


def _num_between(plane: NDArray[np.uint8]) -> int:
    """Return how many levels occur that are neither black nor white."""
    counts = np.bincount(plane.ravel(), minlength=256)
    return int((counts[16:240] > 0).sum())


def _swapped(looks: Sequence[_Look]) -> list[Problem]:
    levels = [look.levels_of_truth for look in looks]
    if len(looks) < _LEAST or not all(look.prediction_is_binary for look in looks):
        return []
    if np.median(levels) < _MANY_LEVELS:
        return []
    first = looks[0].files
    return [
        Problem(
            kind=ProblemKind.SWAPPED,
            id=first.id,
            path=first.prediction.parent,
            message=f"all {len(looks)} predictions looked at are black and white, while masks have "
            f"{int(np.median(levels))} levels in between",
            cure="if so, exchange --data.predictions and --data.masks; if the predictions were "
            "cut at a threshold, score them as they were before, for soft maps score higher",
        )
    ]


def _coloured(files: ScoredFiles) -> Problem:
    return Problem(
        kind=ProblemKind.COLOURED,
        id=files.id,
        path=files.prediction,
        message="has several colours, so it is hardly a map: its strongest channel is scored",
        cure="give the folder of the grey maps, not that of photos or overlays",
    )
