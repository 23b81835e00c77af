"""How near `ViewChange` comes to the true other view, beside flat maps of the same angle.

python -m benchmarks.view_change                            the tables
python -m benchmarks.view_change --figure docs/view_change.png

The true view is drawn again by ProceduralScenes with the camera turned about the object. IoU is
soft (sum of minima over sum of maxima) after the best shift by whole pixels, the same for every
method: where an object stands in the picture is no matter of its view. The fitted maps see the
answer; they say how far a flat map could come at most.
"""

import argparse
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import minimize

from generation.edits.view_warp import Body, View, view_warp
from generation.edits.warp import apply
from generation.objects import CLASSES
from generation.procedural import ProceduralScenes
from generation.scenes.render import render
from generation.scenes.spec import SceneSpec

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
Method = Callable[[Pixels, View], Pixels]

_FIELD_OF_VIEW = 30.0  # of the procedural camera; given to every method that has a camera
_AZIMUTHS = (5, 10, 15, 20, 30, 40)
_ELEVATIONS = (5, 10, 15, 20)
_FIT_STEPS = 700  # of Nelder and Mead; twice as many raise the mean IoU by less than .005
_REFERENCE = "homography"


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3, help="scenes of each class")
    parser.add_argument("--first", type=int, default=6, help="round of the first scene")
    parser.add_argument("--no-fit", action="store_true", help="leave out the fitted maps (slow)")
    parser.add_argument("--figure", type=Path, help="write the plot too")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    first = arguments.first * len(CLASSES)
    scenes = range(first, first + arguments.rounds * len(CLASSES))
    azimuths = measure(scenes, arguments.size, _AZIMUTHS, "azimuth", fit=not arguments.no_fit)
    elevations = measure(scenes, arguments.size, _ELEVATIONS, "elevation", fit=not arguments.no_fit)
    for name, found in (("azimuth", azimuths), ("elevation", elevations)):
        print(f"\n{name}: IoU, mean over scenes; in brackets the difference to {_REFERENCE}")
        print_table(found)
    print("\nazimuth 20: IoU by class, mean over scenes")
    print_classes(azimuths[20])
    if arguments.figure:
        draw({"azimuth": azimuths, "elevation": elevations}, arguments.figure)


def methods() -> dict[str, Method]:
    """Return what is compared, by name; each turns a mask into its guess of the other view."""
    ours = Body(field_of_view=_FIELD_OF_VIEW)

    def relief(body: Body) -> Method:
        return lambda mask, view: apply(mask, view_warp(mask, view, body))

    return {
        "unmoved": lambda mask, _: mask,
        "affine": lambda mask, view: flat(mask, view, perspective=False),
        "homography": lambda mask, view: flat(mask, view, perspective=True),
        "ViewChange": relief(ours),
        "no bulge": relief(replace(ours, bulge=0.0)),
        "bulge .2": relief(replace(ours, bulge=0.2)),
        "bulge .5": relief(replace(ours, bulge=0.5)),
        "upright card": relief(replace(ours, bulge=0.0, depth=0.0, height_depth=0.0)),
    }


def flat(mask: Pixels, view: View, *, perspective: bool) -> Pixels:
    """Turn a mask as a card that faces the camera, about the middle of its box."""
    left, top, width, height = cv2.boundingRect((mask > 127).view(np.uint8))
    centre = np.array([left + (width - 1) / 2, top + (height - 1) / 2])
    focal = max(mask.shape) / 2 / math.tan(math.radians(_FIELD_OF_VIEW / 2))
    turn, tilt = math.radians(view.azimuth), math.radians(view.elevation)
    matrix = np.diag([math.cos(turn), math.cos(tilt), 1.0])
    matrix[1, 0] = -math.sin(turn) * math.sin(tilt)
    if perspective:
        # right side nearer for a positive azimuth, the upper for a positive elevation
        matrix[2, :2] = -math.sin(turn) * math.cos(tilt) / focal, math.sin(tilt) / focal
    here, back = np.eye(3), np.eye(3)
    here[:2, 2], back[:2, 2] = -centre, centre
    return moved(mask, back @ matrix @ here)


def moved(mask: Pixels, matrix: Floats) -> Pixels:
    """Move a mask by a homography, ``(3, 3)`` from old to new places."""
    size = (mask.shape[1], mask.shape[0])
    return np.asarray(cv2.warpPerspective(mask, matrix, size, flags=cv2.INTER_CUBIC))


def fitted(mask: Pixels, truth: Pixels, start: Floats, *, perspective: bool) -> float:
    """Return the highest IoU that a flat map reaches, from the unmoved mask and from a start."""
    side = float(max(mask.shape))
    to_unit = np.array([[2 / side, 0, -1], [0, 2 / side, -1], [0, 0, 1.0]])
    to_pixels = np.linalg.inv(to_unit)

    def loss(offsets: Floats, base: Floats) -> float:
        change = np.zeros(9)
        change[: len(offsets)] = offsets
        unit = base + change.reshape(3, 3)
        return -overlap(moved(mask, to_pixels @ unit @ to_unit), truth)

    best = 0.0
    for base in (np.eye(3), to_unit @ start @ to_pixels):
        base = base / base[2, 2]
        num = 8 if perspective else 6
        simplex = np.concatenate([np.zeros((1, num)), 0.08 * np.eye(num)])
        options = {"maxfev": _FIT_STEPS, "initial_simplex": simplex}
        found = minimize(loss, simplex[0], args=(base,), method="Nelder-Mead", options=options)
        best = max(best, -float(found.fun))
    return best


def overlap(one: Pixels, other: Pixels) -> float:
    """Return the soft IoU of two masks."""
    union = np.maximum(one, other).sum(dtype=np.int64)
    return float(np.minimum(one, other).sum(dtype=np.int64) / max(union, 1))


def shift_to(mask: Pixels, truth: Pixels) -> Floats:
    """Return the homography that shifts by the whole pixels at which two masks agree best."""
    size = [2 * length for length in mask.shape]
    product = np.fft.rfft2(truth, size) * np.conj(np.fft.rfft2(mask, size))
    correlation = np.fft.irfft2(product, size)
    peak = np.unravel_index(correlation.argmax(), correlation.shape)
    matrix = np.eye(3)
    for axis, at in enumerate(peak):
        matrix[1 - axis, 2] = at - size[axis] if at > size[axis] // 2 else at
    return matrix


def measure(
    scenes: range, size: int, angles: tuple[int, ...], axis: str, *, fit: bool
) -> dict[int, dict[str, Floats]]:
    """Return the IoU of each method by angle and name, ``(scenes,)``.

    Azimuths alternate in sign from scene to scene.
    """
    drawn = ProceduralScenes(size=size)
    found: dict[int, dict[str, Floats]] = {}
    for angle in angles:
        rows = []
        for index in scenes:
            view = (
                View(azimuth=angle if (index // len(CLASSES) + index) % 2 else -angle)
                if axis == "azimuth"
                else View(azimuth=0.0, elevation=angle)
            )
            rows.append(_scores(drawn.spec("train", index), size, view, fit=fit))
        found[angle] = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        print(axis, angle, {k: round(float(v.mean()), 3) for k, v in found[angle].items()})
    return found


def _scores(scene: SceneSpec, size: int, view: View, *, fit: bool) -> dict[str, float]:
    sharp = replace(scene, film=replace(scene.film, softness=0.0))
    camera = scene.camera
    other = replace(
        camera, azimuth=camera.azimuth + view.azimuth, elevation=camera.elevation + view.elevation
    )
    mask, truth = render(sharp, size).alpha, render(replace(sharp, camera=other), size).alpha
    scores = {}
    for name, method in methods().items():
        guess = method(mask, view)
        scores[name] = overlap(moved(guess, shift_to(guess, truth)), truth)
    if fit:
        start = shift_to(mask, truth)
        scores["affine, fitted"] = fitted(mask, truth, start, perspective=False)
        scores["homography, fitted"] = fitted(mask, truth, start, perspective=True)
    return scores


def print_table(found: Mapping[int, Mapping[str, Floats]]) -> None:
    """Print the mean of each method, and its paired difference to the homography (95 %)."""
    names = list(next(iter(found.values())))
    print("| | " + " | ".join(f"{angle} deg" for angle in found) + " |")
    print("|---|" + "---|" * len(found))
    for name in names:
        cells = []
        for scores in found.values():
            gap = scores[name] - scores[_REFERENCE]
            half = 1.96 * gap.std(ddof=1) / math.sqrt(len(gap))
            cells.append(f"{scores[name].mean():.3f} ({gap.mean():+.3f} +- {half:.3f})")
        print(f"| {name} | " + " | ".join(cells) + " |")
    spread = [f"{scores[_REFERENCE].std(ddof=1):.3f}" for scores in found.values()]
    print(f"| sd over scenes, {_REFERENCE} | " + " | ".join(spread) + " |")


def print_classes(scores: Mapping[str, Floats]) -> None:
    """Print the mean of each method by class."""
    print("| class | " + " | ".join(scores) + " |\n|---|" + "---|" * len(scores))
    for place, name in enumerate(CLASSES):
        values = [f"{found[place :: len(CLASSES)].mean():.2f}" for found in scores.values()]
        print(f"| {name} | " + " | ".join(values) + " |")


def draw(found: Mapping[str, Mapping[int, Mapping[str, Floats]]], path: Path) -> None:
    """Plot mean IoU over angle."""
    figure = Figure(figsize=(8, 3.4), dpi=110, layout="constrained")
    for axes, (title, by_angle) in zip(figure.subplots(1, 2), found.items(), strict=True):
        for name in ("unmoved", "affine", "homography", "ViewChange"):
            means = [scores[name].mean() for scores in by_angle.values()]
            axes.plot(list(by_angle), means, marker="o", markersize=3, label=name)
        for name in ("affine, fitted", "homography, fitted"):
            if name in next(iter(by_angle.values())):
                means = [scores[name].mean() for scores in by_angle.values()]
                axes.plot(list(by_angle), means, "--", color="grey" if "aff" in name else "black",
                          label=name)  # fmt: skip
        axes.set_xlabel(f"{title}, degrees")
        axes.set_ylabel("IoU with the true view")
        axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


if __name__ == "__main__":
    main()
