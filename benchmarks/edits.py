"""What edits cost and keep, and a sheet of what they look like.

python -m benchmarks.edits                              milliseconds a pair, as JSON
python -m benchmarks.edits --rows FILE                  the same, added to a file of JSON lines
python -m benchmarks.edits --kept                       share with parts and holes kept, procedural
python -m benchmarks.edits --kept --folder FOLDER       the same for the masks in FOLDER/*/gt
python -m benchmarks.edits --sheet docs/edits.jpg       sources and edits
"""

import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.pair_time import report, spread, times
from datamodules.sample import MaskKind, Provenance, Sample
from generation.edits.diffeomorphism import Diffeomorphism
from generation.edits.edit import WarpEdit
from generation.edits.view_change import ViewChange
from generation.objects import CLASSES
from generation.procedural import ProceduralScenes
from metrics.topology import betti_numbers

Pixels = NDArray[np.uint8]

_CELL = 112
_SHEET_CLASSES = ("bicycle", "chair", "gate", "stool")
_JPEG_QUALITY = 82


def edits() -> dict[str, WarpEdit]:
    """Return what is measured, by name: each edit weak and strong."""
    return {
        "Diffeomorphism(.03, .4)": Diffeomorphism(0.03, 0.4),
        "Diffeomorphism(.06, .4)": Diffeomorphism(0.06, 0.4),
        "ViewChange, azimuth 5-15": ViewChange((5, 15), (-5, 5), (0.95, 1.1)),
        "ViewChange, azimuth 25-40": ViewChange((25, 40), (-5, 10), (0.9, 1.2)),
    }


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sheet", type=Path, help="write the sheet (JPEG) instead")
    parser.add_argument("--kept", action="store_true", help="count parts and holes instead")
    parser.add_argument("--folder", type=Path, help="data set in DIS5K layout, for --kept")
    parser.add_argument("--rows", type=Path, help="file that the times are added to")
    parser.add_argument("--size", type=int, default=512, help="of the longer side")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scenes", type=int, default=16)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if arguments.sheet:
        write_sheet(arguments.sheet)
        return
    drawn = ProceduralScenes(size=arguments.size)
    samples = (drawn.sample(drawn.spec("train", index)) for index in range(arguments.scenes))
    if arguments.folder:
        samples = photographed(arguments.folder, arguments.size, arguments.scenes)
    if arguments.kept:
        count_kept(list(samples))
    else:
        measure(list(samples), arguments.repeats, arguments.rows)


def measure(samples: list[Sample], repeats: int, rows: Path | None) -> None:
    """Report the time of a pair on one core, and of the map of pixels alone."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for name, edit in edits().items():
        for part, make in (("whole", edit), ("map", edit.field)):

            def make_all(make: Callable[[Sample, int], object] = make) -> None:
                for seed, sample in enumerate(samples):
                    make(sample, seed)

            found = spread(times(make_all, repeats), len(samples))
            size = max(samples[0].mask.shape)
            report({"what": name, "part": part, "size": size, **found}, rows)


def count_kept(samples: list[Sample]) -> None:
    """Print the share of edits with as many parts and holes as their source, over 3 seeds."""
    print("| edit | parts kept | holes kept | both | both, three holes or more |")
    print("|---|---|---|---|---|")
    sources = [betti_numbers(sample.mask.numpy() > 127) for sample in samples]
    intricate = [before.holes >= 3 for before in sources]
    for name, edit in edits().items():
        parts, holes = [], []
        for seed in range(3):
            for sample, before in zip(samples, sources, strict=True):
                after = betti_numbers(edit(sample, seed).mask.numpy() > 127)
                parts.append(after.components == before.components)
                holes.append(after.holes == before.holes)
        both = np.array(parts) & np.array(holes)
        chosen = both[np.tile(intricate, 3)]
        hard = f"{chosen.mean():.3f} ({len(chosen)})" if len(chosen) else ""
        print(
            f"| {name} | {np.mean(parts):.3f} | {np.mean(holes):.3f} | {both.mean():.3f} | {hard} |"
        )


def photographed(folder: Path, size: int, count: int) -> Iterator[Sample]:
    """Yield masks of a data set, evenly chosen, with blank photos; empty ones are left out."""
    paths = sorted(folder.glob("*/gt/*.png"))
    for path in paths[:: max(1, len(paths) // count)][:count]:
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        scale = size / max(mask.shape)
        mask = cv2.resize(mask, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        if mask.max() > 127:
            yield Sample(
                id=path.stem,
                image=torch.zeros((3, *mask.shape), dtype=torch.uint8),
                mask=torch.from_numpy(mask),
                mask_kind=MaskKind.ALPHA,
                class_names=("object",),
                provenance=Provenance(source="folder"),
            )


def write_sheet(path: Path) -> None:
    """Write sources, and three seeds of each edit at two strengths, photo above mask."""
    drawn = ProceduralScenes(size=4 * _CELL)
    rows = []
    for name in _SHEET_CLASSES:
        source = drawn.sample(drawn.spec("train", [*CLASSES].index(name) + len(CLASSES)))
        made = [edit(source, seed) for edit in edits().values() for seed in range(3)]
        cells = [_cell(source), *(_cell(sample) for sample in made)]
        rows.append(np.hstack(cells))
    heads = ["source", *(f"{name}" for name in edits())]
    widths = [_CELL, *[3 * _CELL] * len(edits())]
    labels = [_label(text, width) for text, width in zip(heads, widths, strict=True)]
    sheet = np.vstack([np.hstack(labels), *rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    cv2.imwrite(str(path), sheet[..., ::-1], quality)


def _cell(sample: Sample) -> Pixels:
    mask = np.repeat(sample.mask.numpy()[..., None], 3, axis=2)
    both = [sample.image.numpy().transpose(1, 2, 0), mask]
    small = [cv2.resize(one, (_CELL, _CELL), interpolation=cv2.INTER_AREA) for one in both]
    return np.pad(np.vstack(small), ((0, 2), (1, 1), (0, 0)), constant_values=255)[:, 1:-1]


def _label(text: str, width: int) -> Pixels:
    strip = np.full((18, width, 3), 255, np.uint8)
    place, font = (4, 13), cv2.FONT_HERSHEY_SIMPLEX
    return np.asarray(cv2.putText(strip, text, place, font, 0.4, (0, 0, 0), 1, cv2.LINE_AA))


if __name__ == "__main__":
    main()
