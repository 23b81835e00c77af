"""How long the measures of a mask's shape take beside scikit-image, and a picture of its graphs.

python -m benchmarks.topology                                      table of times and ratios
python -m benchmarks.topology --figure docs/contour_graphs.png     published and evenly spaced graph
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from skimage.measure import label, perimeter_crofton

from generation.objects import CLASSES
from generation.procedural import ProceduralScenes
from metrics.complexity import complexity, outline_length
from metrics.contour_graph import contour_graph
from metrics.published_graph import published_graph
from metrics.shape import shape_of
from metrics.skeleton import skeleton
from metrics.struts import skeleton_length, strut_width
from metrics.topology import betti_numbers

Mask = NDArray[np.bool_]
Call = Callable[[Mask], object]

_SOLID, _THIN = "umbrella", "gate"
_SIZES = ((512, 512), (2448, 3264))
# by eye: as many points as show how the outline is followed
_FIGURE_POINTS = {_SOLID: 120, _THIN: 400}
_MARGIN = 12
_COLOURS = 64


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figure", type=Path, help="write the picture (PNG) instead")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    if arguments.figure:
        draw(arguments.figure)
    else:
        measure(arguments.repeats)


def measure(repeats: int) -> None:
    """Print the median (range) of wall time in milliseconds, on one core.

    Raises:
        RuntimeError: If a result is not that of scikit-image.
    """
    cv2.setNumThreads(1)
    print("| mask | measure | ours, ms | scikit-image, ms | ratio |\n|---|---|---|---|---|")
    for size in _SIZES:
        for name in (_SOLID, _THIN):
            mask = cv2.resize(scene(name, 1024).view(np.uint8), size[::-1]).view(np.bool_)
            check(mask)
            for measured, (ours, reference) in calls(mask).items():
                row = timed(mask, ours, reference, repeats)
                print(f"| {name}, {size[1]}x{size[0]} | {measured} | {row} |", flush=True)


def calls(mask: Mask) -> dict[str, tuple[Call, Call | None]]:
    """Return what is timed: our function, and the same by scikit-image where it has it."""
    thinned = skeleton(mask)
    return {
        "parts and holes": (lambda m: betti_numbers(m, speck_share=0), labelled),
        "length of the outline": (outline_length, crofton),
        "complexity": (complexity, None),
        "strut width, skeleton given": (lambda m: strut_width(m, thinned), None),
        "length of the skeleton": (lambda _: skeleton_length(thinned), None),
        "shape, skeleton given": (lambda m: shape_of(m, thinned), None),
        "graph of 128 points": (lambda m: contour_graph(m, num_points=128), None),
        "graph of 512 points": (lambda m: contour_graph(m, num_points=512), None),
    }


def labelled(mask: Mask) -> tuple[int, int]:
    """Count parts and holes by the labels of scikit-image."""
    parts = label(mask, connectivity=2)  # type: ignore[no-untyped-call]
    background = label(~np.pad(mask, 1), connectivity=1)  # type: ignore[no-untyped-call]
    return int(parts.max()), int(background.max()) - 1


def crofton(mask: Mask) -> float:
    """Measure the outline by scikit-image."""
    return float(perimeter_crofton(mask, directions=4))  # type: ignore[no-untyped-call]


def check(mask: Mask) -> None:
    """Compare what scikit-image has too."""
    if betti_numbers(mask, speck_share=0) != labelled(mask):
        raise RuntimeError("parts and holes differ from scikit-image's")
    if not np.isclose(outline_length(mask), crofton(mask)):
        raise RuntimeError("the length of the outline differs from scikit-image's")


def timed(mask: Mask, ours: Call, reference: Call | None, repeats: int) -> str:
    """Time both in turn and return three cells of the table."""
    times: list[tuple[float, float]] = []
    for repeat in range(repeats + 1):
        pair = (_milliseconds(ours, mask), _milliseconds(reference, mask) if reference else 0.0)
        if repeat:  # the first one compiles
            times.append(pair)
    cells = [f"{median(t):.1f} ({min(t):.1f}-{max(t):.1f})" for t in zip(*times, strict=True)]
    if reference is None:
        return f"{cells[0]} | | "
    ratios = [theirs / own for own, theirs in times]
    return f"{cells[0]} | {cells[1]} | {median(ratios):.0f} ({min(ratios):.0f}-{max(ratios):.0f})"


def _milliseconds(call: Call, mask: Mask) -> float:
    start = time.perf_counter()
    call(mask)
    return 1000 * (time.perf_counter() - start)


def scene(name: str, size: int) -> Mask:
    """Return the mask of the first training scene of a class."""
    scenes = ProceduralScenes(size=size)
    return np.asarray(scenes.sample(scenes.spec("train", [*CLASSES].index(name))).mask) > 128


def draw(path: Path) -> None:
    """Draw both graphs over a solid and over a thin object, 512 x 512."""
    mpl.rcParams.update({"font.size": 8})
    figure = Figure(figsize=(7, 5.2), dpi=130, layout="constrained")
    for row, name in zip(figure.subplots(2, 3), (_SOLID, _THIN), strict=True):
        mask = scene(name, 512)
        published = published_graph(mask)
        even = contour_graph(mask, num_points=_FIGURE_POINTS[name])
        _panel(row[0], mask, name)
        for axes, title, graph in (
            (row[1], "published", published),
            (row[2], "evenly spaced", even),
        ):
            _panel(axes, mask, f"{title}: {len(graph.points)} points, {len(graph.edges)} edges")
            _graph(axes, graph.points, graph.edges)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    # a palette quarters the file; the README is read over slow lines too
    picture = Image.open(path).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    picture.save(path, optimize=True)


def _panel(axes: Axes, mask: Mask, title: str) -> None:
    axes.imshow(np.where(mask, 205, 255), cmap="gray", vmin=0, vmax=255)
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    axes.set_xlim(left - _MARGIN, left + width + _MARGIN)
    axes.set_ylim(top + height + _MARGIN, top - _MARGIN)
    axes.set_title(title, fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])


def _graph(axes: Axes, points: NDArray[np.generic], edges: NDArray[np.int64]) -> None:
    ends = points[edges]
    axes.plot(*ends.transpose(2, 1, 0), color="tab:blue", linewidth=0.8)
    axes.plot(*points.T, ".", color="tab:red", markersize=2.5)


if __name__ == "__main__":
    main()
