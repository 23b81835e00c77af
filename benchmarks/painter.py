"""How fast pairs are painted, and a sheet of what they look like.

python -m benchmarks.painter                              milliseconds a pair, as JSON
python -m benchmarks.painter --rows FILE                  the same, added to a file of JSON lines
python -m benchmarks.painter --sheet docs/painted.jpg     procedural scenes, bent and painted
"""

import argparse
import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.pair_time import report, spread, times
from datamodules.sample import Sample
from generation.edits.diffeomorphism import Diffeomorphism
from generation.edits.warp import Warp
from generation.painters.warp_painter import WarpPainter
from generation.procedural import ProceduralScenes

_EDIT = Diffeomorphism(0.06, 0.4)
_CELL = 200
# chosen by eye among the first scenes: varied, easy to see at the size of the sheet
_SHOWN = (0, 2, 5, 7, 9)
_TITLES = ("photo", "mask", "edited mask", "painted", "on another background")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheet", type=Path, help="write a contact sheet (JPEG) instead")
    parser.add_argument("--rows", type=Path, help="file that the results are added to")
    parser.add_argument("--sizes", type=int, nargs="+", default=[512])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scenes", type=int, default=12, help="per repeat")
    options = parser.parse_args()
    if options.sheet:
        write_sheet(options.sheet)
    else:
        cv2.setNumThreads(1)
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        for size in options.sizes:
            measure(size, options.repeats, options.scenes, options.rows)


def measure(size: int, repeats: int, num_scenes: int, rows: Path | None) -> None:
    """Report the time of a pair on one core, without the edit itself."""
    scenes = ProceduralScenes(size=size)
    samples = [scenes.sample(scenes.spec("train", k)) for k in range(num_scenes)]
    work = [(sample, *_edited(sample, k)) for k, sample in enumerate(samples)]
    painter = WarpPainter(0)
    for name, step in (("kept", 0), ("other", 1)):

        def paint_all(step: int = step) -> None:
            for k, (sample, edited, warp) in enumerate(work):
                other = samples[(k + 1) % num_scenes] if step else None
                painter.paint(sample, edited, warp=warp, background=other, seed=k)

        found = spread(times(paint_all, repeats), num_scenes)
        report({"what": "WarpPainter", "background": name, "size": size, **found}, rows)


def write_sheet(path: Path) -> None:
    """Write one row a scene: photo, mask, edited mask, and both ways of painting."""
    scenes = ProceduralScenes(size=2 * _CELL)
    painter = WarpPainter(0)
    rows = [_titles()]
    for k in _SHOWN:
        sample, other = (scenes.sample(scenes.spec("train", n)) for n in (k, k + 3))
        edited, warp = _edited(sample, k)
        painted = [
            painter.paint(sample, edited, warp=warp, background=back, seed=k)
            for back in (None, other)
        ]
        cells = [_image(sample), _mask(sample), _mask(edited), *map(_image, painted)]
        side = (_CELL, _CELL)
        rows.append(np.hstack([cv2.resize(c, side, interpolation=cv2.INTER_AREA) for c in cells]))
    Image.fromarray(np.vstack(rows)).save(path, quality=85, optimize=True)


def _edited(sample: Sample, seed: int) -> tuple[Sample, Warp]:
    return _EDIT(sample, seed), _EDIT.field(sample, seed)


def _titles() -> NDArray[np.uint8]:
    strip = np.full((24, len(_TITLES) * _CELL, 3), 255, np.uint8)
    for k, title in enumerate(_TITLES):
        at = (k * _CELL + 6, 17)
        cv2.putText(strip, title, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return strip


def _image(sample: Sample) -> NDArray[np.uint8]:
    return np.ascontiguousarray(sample.image.numpy().transpose(1, 2, 0))


def _mask(sample: Sample) -> NDArray[np.uint8]:
    return np.repeat(sample.mask.numpy()[..., None], 3, axis=2)


if __name__ == "__main__":
    main()
