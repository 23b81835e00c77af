"""What is kept of a finished run: one line of JSON, and the least that intervals need.

Per image: some measures and the F curve at every fifth threshold, in 16 bits, so that
``python -m callbacks.report compare`` works from it. Max F of these 52 thresholds differs from
that of 256 by less than .0005; the line has the exact one.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.atomic import write_atomically
from metrics.measures import MEASURES

Row = dict[str, object]

MANY_HOLES = 3
"""A truth with so many or more is in the group that thin structure shows in."""
GROUPS = ("three holes or more", "fewer than three holes")
_LEVELS = slice(0, 256, 5)
_STEPS = 2**16 - 1
_KEYS = [measure.key for measure in MEASURES]
_KEPT = ("mae", "mean_f", "weighted_f", "s", "mean_e", "boundary_iou", "iou")


def read_rows(path: Path) -> list[Row]:
    """Return all rows, none where there is no file."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def append_row(path: Path, row: Row) -> None:
    """Add a row; the file is never seen half written."""
    rows = [*read_rows(path), row]
    write_atomically(path, "".join(f"{json.dumps(r)}\n" for r in rows).encode())


def kept_file(rows: Path, key: str, tested_on: object) -> Path:
    """Return where the per-image values of a row are kept."""
    return rows.with_suffix("") / f"{key}-on-{tested_on}.npz"


def group_scores(report: Path) -> dict[str, dict[str, float]]:
    """Return the scores of all images of a report and of each shape group, from its tables.

    Args:
        report: Folder with ``per_image.csv`` and ``curves.npz``.
    """
    table = _table(report)
    curves = _f_curves(report, [row["id"] for row in table])
    holes = np.array([int(float(row["holes"])) for row in table])
    chosen = {"all": holes >= 0, GROUPS[0]: holes >= MANY_HOLES, GROUPS[1]: holes < MANY_HOLES}
    return {name: _scores(table, curves, places) for name, places in chosen.items() if places.any()}


def keep(report: Path, path: Path) -> None:
    """Write the per-image values of a report into a small file."""
    table = _table(report)
    ids = [row["id"] for row in table]
    values = np.array([[float(row[key]) for key in _KEPT] for row in table])
    curves = _in_steps(_f_curves(report, ids)[:, _LEVELS])
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        id=np.array(ids),
        size=np.array([[row["height"], row["width"]] for row in table]).astype(np.int16),
        holes=np.array([float(row["holes"]) for row in table]).astype(np.int16),
        area_share=np.array([float(row["area_share"]) for row in table]),
        keys=np.array(_KEPT),
        values=_in_steps(values),
        f_change=np.diff(curves, axis=1, prepend=np.uint16(0)),  # smaller; wraps around
    )


def restore(paths: Sequence[Path], folder: Path) -> None:
    """Write kept files as one folder that `report compare` reads; subsets are the shape groups.

    Args:
        paths: Of different images, as the folds of a set have.
        folder: Of the report.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ids: list[str] = []
    curves: list[NDArray[np.float64]] = []
    with (folder / "per_image.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        header = ["id", "subset", "class_name", "height", "width", *_KEPT, "area_share"]
        writer.writerow(header)
        for path in paths:
            with np.load(path, allow_pickle=False) as kept:
                writer.writerows(_restored(kept))
                ids += kept["id"].tolist()
                steps = np.cumsum(kept["f_change"], axis=1, dtype=np.uint16)
                curves.append(steps / _STEPS)
    np.savez_compressed(folder / "curves.npz", id=np.array(ids), f=np.concatenate(curves))


def _restored(kept: Mapping[str, NDArray[np.generic]]) -> Iterator[list[object]]:
    """Yield the rows of a kept file, in the columns of ``per_image.csv``."""
    places = [kept["keys"].tolist().index(key) for key in _KEPT]
    values = np.asarray(kept["values"])[:, places] / _STEPS
    for place, id in enumerate(kept["id"].tolist()):
        group = GROUPS[0] if int(kept["holes"][place]) >= MANY_HOLES else GROUPS[1]
        height, width = kept["size"][place]
        numbers = values[place].tolist()
        yield [id, group, "object", height, width, *numbers, kept["area_share"][place]]


def _in_steps(shares: NDArray[np.float64]) -> NDArray[np.uint16]:
    return np.round(shares * _STEPS).astype(np.uint16)


def _scores(
    table: Sequence[Mapping[str, str]], curves: NDArray[np.float64], places: NDArray[np.bool_]
) -> dict[str, float]:
    rows = [row for row, is_in in zip(table, places, strict=True) if is_in]
    means = {
        key: round(float(np.mean([float(row[key]) for row in rows])), 6)
        for key in _KEYS
        if key in rows[0] and all(row[key] for row in rows)
    }
    best = round(float(curves[places].mean(0).max()), 6)
    return {"images": len(rows), "max_f": best, **means}


def _table(report: Path) -> list[dict[str, str]]:
    with (report / "per_image.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _f_curves(report: Path, ids: Sequence[str]) -> NDArray[np.float64]:
    """Return ``(N, 256)``, in the order of `ids`."""
    with np.load(report / "curves.npz", allow_pickle=False) as stored:
        place = {str(id): number for number, id in enumerate(stored["id"])}
        curves: NDArray[np.float64] = stored["f"][[place[id] for id in ids]]
    return curves
