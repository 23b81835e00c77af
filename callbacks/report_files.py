"""The report as a folder: it appears whole, or the one before it stays."""

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from callbacks.atomic_folder import replace_folder
from callbacks.prompt_protocol import PROTOCOL_FILE
from callbacks.report_content import Content, Row, values_by_subset
from callbacks.report_drawings import draw_plots
from callbacks.report_html import page
from callbacks.report_plots import grid_picture
from metrics.measures import MEASURES
from metrics.shape import Shape


def write_report(folder: Path, content: Content) -> None:
    """Write every file of the report, see `replace_folder`.

    Raises:
        OSError: If it cannot be written; `folder` is then as it was.
    """
    replace_folder(folder, _files(content))


def _files(content: Content) -> dict[str, bytes]:
    plots = draw_plots(content)
    priors = {
        c.name: {subset: values for subset, values in c.values.items() if subset in content.scores}
        for c in content.contenders
        if c.name in content.priors
    }
    told = content.facts.get("protocol")
    protocol = {} if told is None else {PROTOCOL_FILE: f"{told}\n".encode()}
    variants = {} if content.variants is None else {"variants.json": _json(content.variants)}
    return {
        "index.html": page(content, plots).encode(),
        "metrics.json": _json(values_by_subset(content.scores)),
        "priors.json": _json(priors),
        **variants,
        **protocol,
        "per_image.csv": _csv(content.rows),
        "curves.npz": _curves(content.rows),
        **{f"{plot.name}.png": plot.light for plot in plots.all()},
        **{f"{name}.png": grid_picture(shown) for name, shown in content.examples.items() if shown},
    }


def _json(values: object) -> bytes:
    return (json.dumps(values, indent=2) + "\n").encode()


def _csv(rows: Sequence[Row]) -> bytes:
    measured = [m.key for m in MEASURES if m.key in rows[0].scores.values]
    shape = [] if rows[0].scores.shape is None else [field.name for field in fields(Shape)]
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["id", "subset", "class_name", "height", "width", *measured, *shape])
    for row in rows:
        numbers = [row.scores.values[key] for key in measured]
        if row.scores.shape is not None:
            numbers += asdict(row.scores.shape).values()
        cells = ["" if math.isnan(number) else f"{number!r}" for number in numbers]
        writer.writerow([row.id, row.subset, row.class_name, *row.size, *cells])
    return text.getvalue().encode()


def _curves(rows: Sequence[Row]) -> bytes:
    """Return ``id`` (N,) and ``(N, 256)`` float64: max F of any part of the set follows from it."""

    def stacked(name: str) -> NDArray[np.float64]:
        return np.stack([row.scores.curves[name].numpy() for row in rows])

    data = BytesIO()
    np.savez_compressed(
        data,
        id=np.array([row.id for row in rows]),
        f=stacked("f"),
        e=stacked("e"),
        precision=stacked("precision"),
        recall=stacked("recall"),
    )
    return data.getvalue()
