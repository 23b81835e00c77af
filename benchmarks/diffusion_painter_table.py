"""Tables and the sheet of `benchmarks.diffusion_painter`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.ablation_rows import Row
from benchmarks.diffusion_pairs import Pairs

AGREED = ("iou", "boundary_iou", "mae")
SHOWN = ("max_f", "mae", "iou", "boundary_iou")
_PLAN = (
    *("model", "size", "pairs", "paint_steps", "guidance", "scheduler"),
    *("tested", "train_steps", "judge_pairs", "judge_steps"),
)
_CELL = 96
_QUALITY = 88

Pixels = NDArray[np.uint8]


def show(rows: Sequence[Row]) -> None:
    """Print the tables of the latest model and plan."""
    if not rows:
        print("no rows yet")
        return
    plan = {key: rows[-1][key] for key in _PLAN}
    own = [row for row in rows if plan.items() <= row.items()]
    print(f"\n{plan}, commit {own[-1]['commit']}, {own[-1]['date']}")
    _show_agreement([row for row in own if row["part"] == "agreement"])
    _show_segmenters([row for row in own if row["part"] == "segmenter"])
    for part in ("agreement", "segmenter"):
        _show_differences([row for row in own if row["part"] == f"{part} difference"], part)


def _show_agreement(rows: Sequence[Row]) -> None:
    print(
        "\n| painted by | judge's " + " | judge's ".join(AGREED) + " | s |\n|---|---|---|---|---|"
    )
    for row in rows:
        cells = [f"{_number(row[key]):.3f}" for key in AGREED]
        print(f"| {row['arm']} | " + " | ".join(cells) + f" | {row['processor_seconds']} |")


def _show_segmenters(rows: Sequence[Row]) -> None:
    print("\n| trained on | pairs | seeds | " + " | ".join(SHOWN) + " |")
    print("|---|---|---|" + "---|" * len(SHOWN))
    for arm in dict.fromkeys(str(row["arm"]) for row in rows):
        runs = [row for row in rows if row["arm"] == arm]
        cells = [_spread([_number(run[key]) for run in runs]) for key in SHOWN]
        print(f"| {arm} | {runs[0]['trained_on']} | {len(runs)} | " + " | ".join(cells) + " |")


def _show_differences(rows: Sequence[Row], part: str) -> None:
    keys = AGREED if part == "agreement" else SHOWN
    print(f"\n| {part} | minus | " + " | ".join(keys) + " |\n|---|---|" + "---|" * len(keys))
    for row in rows:
        cells = [_interval(row[key]) for key in keys]
        print(f"| {row['arm']} | {row['minus']} | " + " | ".join(cells) + " |")


def _number(value: object) -> float:
    return float(str(value))


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.3f}" + (f" +- {stdev(values):.3f}" if len(values) > 1 else "")


def _interval(found: object) -> str:
    assert isinstance(found, list)
    difference, low, high = found
    return f"{difference:+.3f} ({low:+.3f} to {high:+.3f})"


def sheet(path: Path, images: Mapping[str, Pairs], count: int) -> None:
    """Write a picture: the masks, then a row of images for each arm.

    Args:
        path: JPEG.
        images: Arm -> pairs; all have the masks of the first.
        count: Columns.
    """
    masks = next(iter(images.values())).masks[:count]
    lines = _row("mask", masks[:, None].expand(-1, 3, -1, -1))
    for name, pairs in images.items():
        lines += _row(name, pairs.images[:count])
    path.parent.mkdir(parents=True, exist_ok=True)
    quality = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    cv2.imwrite(str(path), np.vstack(lines)[..., ::-1], quality)


def _row(name: str, images: Tensor) -> list[Pixels]:
    row = np.hstack([_cell(image.permute(1, 2, 0).numpy()) for image in images])
    strip = np.full((16, row.shape[1], 3), 255, np.uint8)
    font = cv2.FONT_HERSHEY_SIMPLEX
    return [np.asarray(cv2.putText(strip, name, (2, 11), font, 0.36, (0, 0, 0), 1)), row]


def _cell(image: NDArray[np.uint8]) -> Pixels:
    large = cv2.resize(image, (_CELL, _CELL), interpolation=cv2.INTER_NEAREST)
    return np.pad(large, ((1, 1), (1, 1), (0, 0)), constant_values=255)
