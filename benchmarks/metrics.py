"""How long the published metrics take beside pysodmetrics 1.6.2, on one core; whether they agree.

python -m benchmarks.metrics                  table of times and ratios
python -m benchmarks.metrics --look FOLDER    the pairs that are scored, as PNG
"""

import argparse
import os
import platform
import subprocess
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple, Protocol

import cv2
import numba
import numpy as np
import torch
from numpy.typing import NDArray
from py_sod_metrics import (
    MAE,
    Emeasure,
    FmeasureV2,
    HumanCorrectionEffortMeasure,
    Smeasure,
    WeightedFmeasure,
)
from py_sod_metrics.fmeasurev2 import FmeasureHandler
from torch import Tensor

from metrics.hce import human_correction_effort
from metrics.histogram import HALF, joint_histogram, stretched
from metrics.measures import PIXELWISE
from metrics.polygon import simplified
from metrics.scores import image_scores
from metrics.skeleton import skeleton
from metrics.weighted_f import weighted_f

Plane = NDArray[np.uint8]
Call = Callable[[], object]

_SIZES = ((1024, 1024), (2200, 1800))
_WARM_UPS = 3  # the first one compiles, or reads what was compiled
_NETWORK_SIDE = 512  # maps of networks are enlarged: their errors are wider than the truth's pixels
_SIX = PIXELWISE | {"weighted_f", "hce"}
_TOLERANCES = {"weighted_f": 1e-5, "hce": 0.0}
_TOLERANCE = 1e-9


class Pair(NamedTuple):
    """A map and its truth, each ``(h, w)`` uint8."""

    prediction: Plane
    truth: Plane


class Contest(NamedTuple):
    """What is timed: ours and the reference's way to the same numbers."""

    ours: Call
    reference: Call


class Reference(Protocol):
    """A metric of pysodmetrics."""

    def step(self, pred: Plane, gt: Plane) -> None:
        """Score one pair."""


class OlderHumanCorrectionEffort(HumanCorrectionEffortMeasure):
    """The reference's HCE with the polygons of OpenCV 4.12, whatever version is installed.

    Nothing else is replaced. It serves the check; the class that is timed is the original.
    """

    def count_polygon_control_points(
        self, boundaries: list[NDArray[np.int32]], epsilon: float = 1.0
    ) -> int:
        """Count vertices as ``cv2.approxPolyDP`` left them before OpenCV 4.13."""
        lines = [np.asarray(boundary, np.int32).reshape(-1, 2) for boundary in boundaries]
        return sum(len(simplified(line, epsilon, closed=False)) for line in lines)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--look", type=Path, help="write the pairs instead")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    if arguments.look:
        look(arguments.look)
    else:
        measure(arguments.repeats)


def measure(repeats: int) -> None:
    """Print the median (range) of wall time in milliseconds.

    Raises:
        RuntimeError: If a number is not that of the reference.
    """
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    print(f"{_commit()}; {_processor()}; OpenCV {cv2.__version__}, {repeats} repetitions\n")
    print("| object | metrics | ours, ms | pysodmetrics 1.6.2, ms | ratio |\n|---|---|---|---|---|")
    for size in _SIZES:
        for name, draw in OBJECTS.items():
            pair = network_like(draw(size))
            difference = check(pair)
            for metrics, contest in contests(pair).items():
                cells = timed(contest, repeats)
                print(f"| {name}, {size[0]}x{size[1]} | {metrics} | {cells} |", flush=True)
            print(f"| {name}, {size[0]}x{size[1]} | largest differences | {difference} | | |")


def contests(pair: Pair) -> dict[str, Contest]:
    """Return what is timed on one pair; every call starts from the 8-bit planes."""
    prediction, truth = (torch.from_numpy(plane) for plane in pair)
    thinned = skeleton(pair.truth > 128)

    def pixelwise() -> list[Reference]:
        return [MAE(), f_measure(), Emeasure(), Smeasure()]

    def effort() -> list[Reference]:
        return [HumanCorrectionEffortMeasure()]

    return {
        "MAE, F, E, S": Contest(
            lambda: image_scores(prediction, truth, None, measures=PIXELWISE),
            lambda: step(pixelwise(), pair),
        ),
        "weighted F": Contest(
            lambda: weighted_f_of(prediction, truth), lambda: step([WeightedFmeasure()], pair)
        ),
        "HCE": Contest(lambda: effort_of(prediction, truth, None), lambda: step(effort(), pair)),
        "HCE, skeleton kept": Contest(
            lambda: effort_of(prediction, truth, thinned), lambda: step(effort(), pair)
        ),
        "all six": Contest(
            lambda: image_scores(prediction, truth, None, measures=_SIX),
            lambda: step([*pixelwise(), WeightedFmeasure(), *effort()], pair),
        ),
    }


def weighted_f_of(prediction: Tensor, truth: Tensor) -> float:
    """Score a map from its 8-bit planes, as the reference does."""
    values = stretched(joint_histogram(prediction, truth).histogram).numpy()
    return weighted_f(prediction.numpy(), truth.numpy() > 128, values)


def effort_of(prediction: Tensor, truth: Tensor, kept: NDArray[np.bool_] | None) -> int:
    """Score a map from its 8-bit planes; `kept` is the skeleton of the truth."""
    found = stretched(joint_histogram(prediction, truth).histogram).numpy() > HALF
    return human_correction_effort(found[prediction.numpy()], truth.numpy() > 128, kept)


def f_measure() -> FmeasureV2:
    """Return the reference's F, with the curve and at the map's own threshold."""
    return FmeasureV2({"f": FmeasureHandler(beta=0.3, with_dynamic=True, with_adaptive=True)})


def step(metrics: list[Reference], pair: Pair) -> None:
    """Score one pair by every metric."""
    for metric in metrics:
        metric.step(pair.prediction, pair.truth)


def check(pair: Pair) -> str:
    """Return the largest differences to the reference, in words.

    Raises:
        RuntimeError: If one is larger than it may be.
    """
    prediction, truth = (torch.from_numpy(plane) for plane in pair)
    scores = image_scores(prediction, truth, None, measures=_SIX)
    maxima = {"max_f": float(scores.curves["f"].max()), "max_e": float(scores.curves["e"].max())}
    ours = {**scores.values, **maxima}
    differences = {key: abs(ours[key] - value) for key, value in expected(pair).items()}
    for key, difference in differences.items():
        if not difference <= _TOLERANCES.get(key, _TOLERANCE):
            raise RuntimeError(f"{key} differs from the reference's by {difference:g}")
    others = max(d for key, d in differences.items() if key not in _TOLERANCES)
    weighted, effort = differences["weighted_f"], differences["hce"]
    return f"weighted F {weighted:.0e}, HCE {effort:.0f} of {ours['hce']:.0f}, others {others:.0e}"


def expected(pair: Pair) -> Mapping[str, float]:
    """Return the reference's numbers by our keys."""
    mae, f, e, s = MAE(), f_measure(), Emeasure(), Smeasure()
    weighted, effort = WeightedFmeasure(), OlderHumanCorrectionEffort()
    step([mae, f, e, s, weighted, effort], pair)
    of_f, of_e = f.get_results()["f"], e.get_results()["em"]
    return {
        "mae": mae.get_results()["mae"],
        "max_f": of_f["dynamic"].max(),
        "mean_f": of_f["dynamic"].mean(),
        "adaptive_f": of_f["adaptive"],
        "weighted_f": weighted.get_results()["wfm"],
        "s": s.get_results()["sm"],
        "max_e": of_e["curve"].max(),
        "mean_e": of_e["curve"].mean(),
        "adaptive_e": of_e["adp"],
        "hce": effort.get_results()["hce"],
    }


def timed(contest: Contest, repeats: int) -> str:
    """Time both in turn and return three cells of the table: the ratio is that of the medians."""
    times = []
    for _ in range(_WARM_UPS + repeats):
        times.append((_milliseconds(contest.ours), _milliseconds(contest.reference)))
    ours, reference = zip(*times[_WARM_UPS:], strict=True)
    ratios = [theirs / own for own, theirs in times[_WARM_UPS:]]
    cells = [f"{median(t):.1f} ({min(t):.1f}-{max(t):.1f})" for t in (ours, reference)]
    ratio = f"{median(reference) / median(ours):.1f} ({min(ratios):.1f}-{max(ratios):.1f})"
    return " | ".join([*cells, ratio])


def thick(size: tuple[int, int]) -> Plane:
    """Draw a jug: a solid body with a handle and a few holes."""
    mask = np.zeros(size, np.uint8)
    draw = _Pen(mask)
    draw.disk(0.5, 0.62, 0.3, 255)
    draw.polygon([(0.32, 0.1), (0.62, 0.1), (0.66, 0.5), (0.3, 0.5)], 255)
    draw.ring(0.76, 0.42, 0.15, 0.05)
    for x, y, radius in ((0.42, 0.6, 0.03), (0.55, 0.7, 0.05), (0.45, 0.25, 0.02)):
        draw.disk(x, y, radius, 0)
    return mask


def thin(size: tuple[int, int]) -> Plane:
    """Draw a bicycle before a fence: rims, spokes, struts and wires of 2 px and more."""
    mask = np.zeros(size, np.uint8)
    draw = _Pen(mask)
    for x in (0.24, 0.76):
        draw.ring(x, 0.66, 0.2, 0.01)
        for angle in np.linspace(0, 2 * np.pi, 28, endpoint=False):
            draw.line((x, 0.66), (x + 0.2 * np.cos(angle), 0.66 + 0.2 * np.sin(angle)), 0.002)
    corners = [(0.24, 0.66), (0.4, 0.36), (0.68, 0.36), (0.5, 0.66), (0.24, 0.66)]
    for start, end in [*pairwise(corners), ((0.4, 0.36), (0.5, 0.66))]:
        draw.line(start, end, 0.012)
    draw.line((0.68, 0.3), (0.76, 0.66), 0.012)
    for place in np.linspace(0.03, 0.97, 24):
        draw.line((place, 0.04), (place, 0.26), 0.003)
    for height in (0.06, 0.15, 0.24):
        draw.line((0.02, height), (0.98, height), 0.004)
    return mask


OBJECTS = {"thick": thick, "thin": thin}


def network_like(truth: Plane) -> Pair:
    """Add a map as a network might make it: soft edges, lost struts, holes and false parts.

    Logits at the side of a network are the blurred truth and noise of two widths; the
    probabilities are enlarged and rounded.
    """
    generator = np.random.default_rng(0)
    side = (_NETWORK_SIDE, _NETWORK_SIDE)
    small = cv2.resize(truth, side, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    logits = 12 * cv2.GaussianBlur(small, (0, 0), 0.8) - 6
    for blur, strength in ((14.0, 3.0), (1.2, 0.5)):
        noise = cv2.GaussianBlur(generator.normal(size=side), (0, 0), blur)
        logits = logits + strength * noise / noise.std()
    probabilities = (1 / (1 + np.exp(-logits))).astype(np.float32)
    enlarged = cv2.resize(probabilities, truth.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return Pair((enlarged * 255 + 0.5).astype(np.uint8), truth)


def look(folder: Path) -> None:
    """Write every pair side by side."""
    folder.mkdir(parents=True, exist_ok=True)
    for size in _SIZES:
        for name, draw in OBJECTS.items():
            pair = network_like(draw(size))
            cv2.imwrite(str(folder / f"{name}-{size[0]}x{size[1]}.png"), np.hstack(pair))


class _Pen:
    """Draws in shares of the image: x of its width, y of its height, widths of its width."""

    def __init__(self, mask: Plane) -> None:
        self._mask = mask
        self._height, self._width = mask.shape

    def _pixel(self, x: float, y: float) -> tuple[int, int]:
        return round(x * self._width), round(y * self._height)

    def _length(self, share: float) -> int:
        return max(2, round(share * self._width))

    def disk(self, x: float, y: float, radius: float, value: int) -> None:
        cv2.circle(self._mask, self._pixel(x, y), self._length(radius), value, cv2.FILLED)

    def ring(self, x: float, y: float, radius: float, width: float) -> None:
        center, side = self._pixel(x, y), self._length(radius)
        cv2.circle(self._mask, center, side, 255, self._length(width))

    def line(self, start: tuple[float, float], end: tuple[float, float], width: float) -> None:
        ends = self._pixel(*start), self._pixel(*end)
        cv2.line(self._mask, *ends, 255, self._length(width))

    def polygon(self, corners: list[tuple[float, float]], value: int) -> None:
        cv2.fillPoly(self._mask, [np.array([self._pixel(*c) for c in corners])], value)


def _milliseconds(call: Call) -> float:
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return f"commit {run.stdout.strip()}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
