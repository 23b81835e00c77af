"""How fast procedural scenes are drawn, and a sheet of what they look like.

python -m benchmarks.procedural                                 pairs per second and core
python -m benchmarks.procedural --sheet docs/procedural.png     one scene of each class
"""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from generation.objects import CLASSES
from generation.procedural import ProceduralScenes

_SHEET_CELL = 150
# chosen by eye among the first scenes: varied, none of them hard to see at the size of the sheet
_SHEET_ROUND = 1


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheet", type=Path, help="write a contact sheet (PNG) instead")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--scenes", type=int, default=48, help="scenes per repeat")
    arguments = parser.parse_args()
    if arguments.sheet:
        write_sheet(arguments.sheet)
    else:
        measure(arguments.size, arguments.repeats, arguments.scenes)


def measure(size: int, repeats: int, num_scenes: int) -> None:
    """Print pairs per second on one core: median, least and most of the repeats.

    Processor time is measured, which other programs on the machine change less than wall time.
    """
    cv2.setNumThreads(1)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    scenes = ProceduralScenes(size=size)
    next_index = iter(range(10**9))  # a new scene each time: nothing comes from a cache

    def pair() -> None:
        scenes.sample(scenes.spec("train", next(next_index)))

    def with_counterfactual() -> None:
        scenes.sample(scenes.spec("train", next(next_index)), counterfactual=True)

    def crowd() -> None:
        scenes.labelled(scenes.crowd("train", next(next_index)))

    print(f"{platform.processor() or platform.machine()}, one core, {size} x {size}")
    for name, draw in (
        ("image + mask", pair),
        ("image + mask + counterfactual", with_counterfactual),
        ("3 objects, label map", crowd),
    ):
        _report(name, num_scenes, repeats, draw)
    with tempfile.TemporaryDirectory() as folder:
        rates = []
        for repeat in range(repeats):
            counted = ProceduralScenes(size=size, counts={"DIS-TR": num_scenes})
            start = time.process_time()
            counted.write(Path(folder) / str(repeat))
            rates.append(num_scenes / (time.process_time() - start))
    _print("written as JPEG + PNG", rates)


def write_sheet(path: Path) -> None:
    """Write one training scene of each class, image above mask."""
    scenes = ProceduralScenes(size=4 * _SHEET_CELL)
    cells = []
    for place in range(len(CLASSES)):
        sample = scenes.sample(scenes.spec("train", place + _SHEET_ROUND * len(CLASSES)))
        image = sample.image.permute(1, 2, 0).numpy()[:, :, ::-1]
        mask = cv2.cvtColor(sample.mask.numpy(), cv2.COLOR_GRAY2BGR)
        side = (_SHEET_CELL, _SHEET_CELL)
        pair = [cv2.resize(p, side, interpolation=cv2.INTER_AREA) for p in (image, mask)]
        cells.append(np.vstack(pair))
    columns = len(cells) // 2
    rows = [np.hstack(cells[:columns]), np.hstack(cells[columns:])]
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet = Image.fromarray(cv2.cvtColor(np.vstack(rows), cv2.COLOR_BGR2RGB))
    # a palette halves the file; the README is read over slow lines too
    sheet.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def _report(name: str, num_scenes: int, repeats: int, draw: Callable[[], None]) -> None:
    for _ in range(num_scenes // 2):
        draw()
    rates = []
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(num_scenes):
            draw()
        rates.append(num_scenes / (time.process_time() - start))
    _print(name, rates)


def _print(name: str, rates: list[float]) -> None:
    middle = float(np.median(rates))
    print(f"{name:32s} {middle:6.1f} pairs/s/core ({min(rates):.1f} to {max(rates):.1f})")


if __name__ == "__main__":
    main()
