"""Tables and the sheet of `benchmarks.diffusion_edits`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.ablation_rows import Row
from benchmarks.paired_intervals import differences, shown
from callbacks.compare_statistics import RunScores

KEPT = ("parts_kept", "holes_kept", "topology_kept", "parts_off", "holes_off")
_CELL = 96
_QUALITY = 88

Pixels = NDArray[np.uint8]


def show(rows: Sequence[Row]) -> None:
    """Print the tables of the latest model."""
    if not rows:
        print("no rows yet")
        return
    model = rows[-1]["model"]
    own = [row for row in rows if row["model"] == model]
    print(f"\n{model}, {own[-1]['size']} px, commit {own[-1]['commit']}, {own[-1]['date']}")
    _show_inversion([row for row in own if row["part"] == "inversion"])
    _show_compared(own)
    _show_sweep([row for row in own if row["part"] == "sweep"])


def _show_inversion(rows: Sequence[Row]) -> None:
    print("\n| set | steps | refinements | IoU there and back | worst | masks | s |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        cells = [row[key] for key in ("set", "steps", "refinements", "iou", "iou_worst", "masks")]
        print("| " + " | ".join(str(cell) for cell in (*cells, row["processor_seconds"])) + " |")


def _show_compared(rows: Sequence[Row]) -> None:
    """Print both methods of a set and guidance, and MasaCtrl minus img2img with intervals."""
    print("\n| set | guidance | method | strength | IoU | " + " | ".join(KEPT) + " | masks |")
    print("|---|---|---|---|---|" + "---|" * (len(KEPT) + 1))
    for row in rows:
        if row["part"] == "masactrl":
            for other in _partners(row, rows):
                _show_pair(row, other)


def _partners(row: Row, rows: Sequence[Row]) -> list[Row]:
    alike = ("set", "guidance", "steps", "masks")
    return [
        other
        for other in rows
        if other["part"] == "img2img" and all(other[key] == row[key] for key in alike)
    ]


def _show_pair(own: Row, other: Row) -> None:
    for row in (own, other):
        cells = [row["set"], row["guidance"], row["part"], row.get("strength", ""), row["iou"]]
        shares = [*(row[key] for key in KEPT), row["masks"]]
        print("| " + " | ".join(str(cell) for cell in (*cells, *shares)) + " |")
    holed = np.array(own["holed"]) > 0
    for name, chosen in (("all", holed | True), ("with holes", holed), ("without", ~holed)):
        units = np.unique(np.array(own["unit"])[chosen], return_inverse=True)[1]
        if len(units) and units.max() > 0:
            found = differences(
                [_scores(own, chosen)], [_scores(other, chosen)], units.astype(np.int64)
            )
            gains = [f"{key} {shown(found[key])}" for key in ("iou", *KEPT)]
            print(f"MasaCtrl - img2img, {name} ({chosen.sum()}): " + ", ".join(gains))


def _scores(row: Row, chosen: NDArray[np.bool_]) -> RunScores:
    each = _each(row)
    return RunScores(values={k: np.array(each[k])[chosen] for k in ("iou", *KEPT)}, curves={})


def _each(row: Row) -> dict[str, list[float]]:
    each = row["each"]
    assert isinstance(each, dict)
    return each


def _show_sweep(rows: Sequence[Row]) -> None:
    print("\n| from step | from layer | guidance | IoU | " + " | ".join(KEPT) + " | masks |")
    print("|---|---|---|---|" + "---|" * (len(KEPT) + 1))
    for row in rows:
        cells = [row[key] for key in ("start_step", "start_layer", "guidance", "iou", *KEPT)]
        print("| " + " | ".join(str(cell) for cell in (*cells, row["masks"])) + " |")


def sheet(path: Path, methods: Mapping[str, Tensor], prompts: Sequence[str]) -> None:
    """Write a picture: a row for each method, a column for each mask, its prompt above.

    Args:
        path: JPEG.
        methods: Name -> ``(N, 1, S, S)`` float in [0, 1].
        prompts: N of them.
    """
    lines = [np.hstack([_words(prompt, _CELL + 4) for prompt in prompts])]
    for name, masks in methods.items():
        cells = [_cell(mask) for mask in masks[:, 0].numpy()]
        row = np.hstack(cells)
        lines += [_words(name, row.shape[1]), row]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.vstack(lines), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])


def _cell(mask: NDArray[np.float32]) -> Pixels:
    grey = np.rint(255 * (1 - mask)).astype(np.uint8)
    # as soft as the model drew it: what is grey is unsure
    large = cv2.resize(grey, (_CELL, _CELL), interpolation=cv2.INTER_NEAREST)
    return np.pad(large, 2, constant_values=160)


def _words(text: str, width: int) -> Pixels:
    strip = np.full((16, width), 255, np.uint8)
    font = cv2.FONT_HERSHEY_SIMPLEX
    return np.asarray(cv2.putText(strip, text, (2, 11), font, 0.32, 0, 1, cv2.LINE_AA))
