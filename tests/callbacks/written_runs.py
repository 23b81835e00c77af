"""Reports as files, written by hand, for the tests of the comparison."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from callbacks.compare_runs import Method
from metrics.measures import MEASURES, OF_THE_SET

COLUMNS = [measure.key for measure in MEASURES if measure.key not in OF_THE_SET]


def numbers(seed: int, num: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.2, 0.9, num)


def write_run(
    run: Path,
    scores: np.ndarray,
    *,
    columns: Sequence[str] = COLUMNS,
    curves: Sequence[str] = ("f", "e"),
    size: tuple[int, int] = (4, 6),
    areas: Sequence[float] | None = None,
    flat: bool = False,
) -> Path:
    folder = run / "report"
    folder.mkdir(parents=True)
    names = [f"{place:03d}" for place in range(len(scores))]
    ids = names if flat else [f"video{place // 4}/{name}" for place, name in enumerate(names)]
    with (folder / "per_image.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        shape = ["holes"] if areas is None else ["holes", "area_share"]
        writer.writerow(["id", "subset", "class_name", "height", "width", *columns, *shape])
        for place, (id, score) in enumerate(zip(ids, scores, strict=True)):
            row = [id, id.rpartition("/")[0], "", *size, *([score] * len(columns)), 7]
            writer.writerow(row if areas is None else [*row, areas[place]])
    curve = np.sin(np.linspace(0.1, 3, 256))
    drawn = dict.fromkeys(curves, scores[:, None] * curve)
    # in another order than the table: the ids decide
    np.savez(folder / "curves.npz", id=ids[::-1], **{n: c[::-1] for n, c in drawn.items()})
    return run


def methods(**runs: Path) -> list[Method]:
    return [Method(name=name, runs=(path,)) for name, path in runs.items()]
