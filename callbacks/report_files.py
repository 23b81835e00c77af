"""The report as a folder: it appears whole, or the one before it stays."""

import csv
import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from callbacks.report_content import Content, Row, values_by_subset
from callbacks.report_html import page
from callbacks.report_plots import LIGHT, f_plot, grid_picture, precision_recall_plot

PER_IMAGE = ("mae", "mean_f", "adaptive_f")
"""Fields of `ImageScores` that become columns; max F belongs to a set, as the maximum of a mean."""


def write_report(folder: Path, content: Content) -> None:
    """Write every file of the report beside `folder`, then put them in its place by a rename.

    Whatever `folder` held is replaced. Killed between the two renames, the new report is still
    whole in a folder named ``.report-*`` beside it.

    Raises:
        OSError: If it cannot be written; `folder` is then as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=".report-") as staging:
        new, old = Path(staging) / "new", Path(staging) / "old"
        new.mkdir()
        for name, data in _files(content).items():
            (new / name).write_bytes(data)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)


def _files(content: Content) -> dict[str, bytes]:
    priors = {c.name: c.values for c in content.contenders if c.name in content.priors}
    return {
        "index.html": page(content).encode(),
        "metrics.json": _json(values_by_subset(content.scores)),
        "priors.json": _json(priors),
        "per_image.csv": _csv(content.rows),
        "precision_recall.png": precision_recall_plot(content, LIGHT),
        "f_curve.png": f_plot(content, LIGHT),
        **{f"{name}.png": grid_picture(shown) for name, shown in content.examples.items() if shown},
    }


def _json(values: object) -> bytes:
    return (json.dumps(values, indent=2) + "\n").encode()


def _csv(rows: Sequence[Row]) -> bytes:
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["id", "subset", "class_name", "height", "width", *PER_IMAGE])
    for row in rows:
        numbers = [row.scores.values[key] for key in PER_IMAGE]
        writer.writerow([row.id, row.subset, row.class_name, *row.size, *numbers])
    return text.getvalue().encode()
