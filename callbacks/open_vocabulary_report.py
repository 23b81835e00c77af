"""After a test on label maps: a row a protocol, published rows beside, and values per class."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol, runtime_checkable

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from torch import Tensor

from callbacks import run_facts
from callbacks.atomic_folder import replace_folder
from callbacks.published_open_vocabulary import PublishedResult, published_results
from datamodules.json_value import Json
from datamodules.label_set import LabelSet
from datamodules.labelled_photos import LabelledPhotos
from metrics.semantic import mean_of_frequent

FREQUENT = 10
"""Photos that a class needs to count in the mean over frequent classes."""
_MEANS = {
    "mean_iou": "mIoU",
    "frequent_iou": f"mIoU of classes in {FREQUENT} photos or more",
    "pixel_accuracy": "pixel accuracy",
    "mean_accuracy": "mean accuracy",
    "mean_boundary_iou": "boundary IoU",
}
_PER_CLASS = ("iou", "boundary_iou", "accuracy")


@runtime_checkable
class ScoresProtocols(Protocol):
    """A module whose test scores one network by several protocols."""

    @property
    def results(self) -> Mapping[str, Mapping[str, Tensor]]:
        """Means ``()`` and values per label ``(K,)``, by the name of the protocol."""

    @property
    def descriptions(self) -> Mapping[str, str]:
        """What each protocol fixes, by its name."""


class OpenVocabularyReport(Callback):
    """Writes ``report/open_vocabulary.json`` and ``.md`` into the run's folder.

    Published rows come only where the whole public set was tested, each with its protocol: rows
    of different protocols must not be ranked against each other.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a module that scores nothing of this kind, before hours of work.

        Raises:
            ValueError: If module or data are not those of such a test.
        """
        data = _data(trainer)
        if not isinstance(pl_module, ScoresProtocols) or not isinstance(data, LabelledPhotos):
            raise ValueError(
                "OpenVocabularyReport needs lightningmodules.open_vocabulary.OpenVocabularyTest "
                "and datamodules.labelled_photos.LabelledPhotos, got "
                f"{type(pl_module).__name__} and {type(data).__name__}"
            )

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the files, and print the means."""
        data = _data(trainer)
        assert isinstance(pl_module, ScoresProtocols)
        assert isinstance(data, LabelledPhotos)
        if not trainer.is_global_zero:
            return
        labels = data.label_set("test")
        rows = [
            _row(name, pl_module.descriptions[name], values)
            for name, values in pl_module.results.items()
        ]
        per_class = _per_class(labels, pl_module.results)
        published = published_results(labels.name, len(labels.files))
        facts: dict[str, Json] = {
            "set": labels.name,
            "num_images": len(labels.files),
            "rows": [*rows],
            "per_class": per_class,
            "published": [asdict(row) for row in published],
            "command": run_facts.command(),
            "commit": run_facts.commit(),
            "versions": run_facts.versions(),
        }
        replace_folder(
            Path(trainer.default_root_dir) / "report",
            {
                "open_vocabulary.json": f"{json.dumps(facts, indent=1)}\n".encode(),
                "open_vocabulary.md": _page(labels, rows, per_class, published).encode(),
            },
        )
        Console().print(_table(labels, rows))


def _row(name: str, description: str, values: Mapping[str, Tensor]) -> dict[str, Json]:
    frequent = float(mean_of_frequent(values["iou"], values["num_images"], least=FREQUENT))
    means = {key: float(values[key]) for key in (*_MEANS, "threshold") if key in values}
    numbers = {key: _json(value) for key, value in (means | {"frequent_iou": frequent}).items()}
    return {"protocol": name, "description": description, **numbers}


def _per_class(labels: LabelSet, results: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Json]:
    """Return the values of each class that occurs, by its name, then by protocol."""
    table: dict[str, Json] = {}
    for label, class_name in enumerate(labels.class_names):
        of_class: dict[str, Json] = {}
        for name, values in results.items():
            numbers = {key: _json(float(values[key][label])) for key in _PER_CLASS if key in values}
            if numbers["iou"] is not None:
                num_images = int(values["num_images"][label])
                of_class[name] = {**numbers, "num_images": num_images}
        if of_class:
            table[class_name] = of_class
    return table


def _page(
    labels: LabelSet,
    rows: Sequence[Mapping[str, Json]],
    per_class: Mapping[str, Json],
    published: Sequence[PublishedResult],
) -> str:
    lines = [f"# {labels.name}, {len(labels.files)} photos", ""]
    lines += _markdown(
        ["protocol", *_MEANS.values(), "background below"],
        [[row["protocol"], *(_percent(row.get(key)) for key in _MEANS), row.get("threshold")]
         for row in rows],
    )  # fmt: skip
    lines += [f"- {row['protocol']}: {row['description']}" for row in rows]
    if published:
        lines += ["", "## Published", "", "Compare rows of one protocol alone.", ""]
        lines += _markdown(
            ["method", "year", "mIoU", "backbone", "learned from", "protocol", "source"],
            [[p.name, p.year, f"{p.mean_iou:.1f}", p.backbone, p.supervision, p.protocol, p.source]
             for p in published],
        )  # fmt: skip
    names = [str(row["protocol"]) for row in rows]
    lines += ["", "## IoU of each class", ""]
    body = []
    for class_name, of_class in per_class.items():
        assert isinstance(of_class, dict)
        cells = [of_class.get(name) for name in names]
        found = [cell for cell in cells if isinstance(cell, dict)]
        ious = [_percent(cell["iou"]) if isinstance(cell, dict) else "" for cell in cells]
        body.append([class_name, found[0]["num_images"], *ious])
    return "\n".join([*lines, *_markdown(["class", "photos", *names], body)]) + "\n"


def _markdown(head: Sequence[str], body: Sequence[Sequence[Json]]) -> list[str]:
    rows = [list(head), ["---"] * len(head), *body]
    return [f"| {' | '.join('' if c is None else str(c) for c in row)} |" for row in rows] + [""]


def _table(labels: LabelSet, rows: Sequence[Mapping[str, Json]]) -> Table:
    table = Table(title=Text(f"{labels.name}, {len(labels.files)} photos"))
    table.add_column("protocol")
    for title in _MEANS.values():
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(Text(str(row["protocol"])), *(_percent(row.get(key)) for key in _MEANS))
    return table


def _percent(value: Json) -> str:
    return f"{100 * value:.1f}" if isinstance(value, float) else ""


def _json(value: float) -> Json:
    return None if math.isnan(value) else value


def _data(trainer: Trainer) -> object:
    return trainer.datamodule  # type: ignore[attr-defined]  # set, not declared
