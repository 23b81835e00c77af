"""After a test on label maps: a row a protocol, published rows beside, pictures, and each class."""

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
from callbacks.open_vocabulary_examples import LabelExamples
from callbacks.open_vocabulary_page import (
    FREQUENT,
    MEANS,
    ScoredSet,
    markdown,
    page,
    percent,
    row_name,
)
from callbacks.published_open_vocabulary import published_results
from datamodules.batch import Batch
from datamodules.json_value import Json
from datamodules.label_set import LabelSet
from datamodules.labelled_photos import LabelledPhotos
from metrics.semantic import mean_of_frequent

_FACTS = "open_vocabulary.json"
_PER_CLASS = ("iou", "boundary_iou", "accuracy")


@runtime_checkable
class ScoresProtocols(Protocol):
    """A module whose test scores something by several protocols.

    Its ``test_step`` returns each protocol's label map of the one photo of a batch, ``(H, W)``
    uint8, in the order of `descriptions`.
    """

    @property
    def results(self) -> Mapping[str, Mapping[str, Tensor]]:
        """Means ``()`` and values per label ``(K,)``, by the name of the protocol."""

    @property
    def descriptions(self) -> Mapping[str, str]:
        """What each protocol fixes, by its name."""


class OpenVocabularyReport(Callback):
    """Writes ``report/index.html`` and ``open_vocabulary.json`` and ``.md`` into the run's folder.

    Published rows come only where the whole public set was tested, each with its protocol: rows
    of different protocols must not be ranked against each other. Of several processes, the first
    one shows examples, of the photos that it has seen.

    Args:
        beside: Files ``open_vocabulary.json`` of other runs on the same photos, such as the
            teacher's; their rows are shown, too.
    """

    def __init__(self, beside: Sequence[Path] = ()) -> None:
        self.beside = [Path(path) for path in beside]
        self._others: list[dict[str, Json]] = []
        self._examples = LabelExamples(())

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse what cannot be reported, before hours of work.

        Raises:
            ValueError: If module or data are not those of such a test, or another run is of other
                photos.
            OSError: If its file cannot be read.
        """
        data = _data(trainer)
        if not isinstance(pl_module, ScoresProtocols) or not isinstance(data, LabelledPhotos):
            raise ValueError(
                "OpenVocabularyReport needs lightningmodules.open_vocabulary.OpenVocabularyTest or "
                "lightningmodules.labeler_test.LabelerTest, and "
                "datamodules.labelled_photos.LabelledPhotos, got "
                f"{type(pl_module).__name__} and {type(data).__name__}"
            )
        labels = data.label_set("test")
        self._others = [row for path in self.beside for row in _rows_of(path, labels)]
        self._examples = LabelExamples(labels.class_names)

    def on_test_batch_end(  # type: ignore[override]  # Lightning's outputs may be anything
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Sequence[Tensor],
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Look whether the photo is an example."""
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module, ScoresProtocols)
        (truth,) = batch.truth
        assert truth is not None
        found = dict(zip(pl_module.descriptions, outputs, strict=True))
        self._examples.add(batch.id[0], batch.image[0], truth, found)

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
        content = ScoredSet(
            name=labels.name,
            num_images=len(labels.files),
            rows=[*rows, *self._others],
            per_class=_per_class(labels, pl_module.results),
            published=published_results(labels.name, len(labels.files)),
            command=run_facts.command(),
        )
        folder = Path(trainer.default_root_dir) / "report"
        replace_folder(
            folder,
            {
                "index.html": page(content, self._examples.groups()).encode(),
                _FACTS: f"{json.dumps(_facts(content), indent=1)}\n".encode(),
                "open_vocabulary.md": markdown(content).encode(),
            },
        )
        console = Console()
        console.print(_table(content))
        console.print(f"report: {folder / 'index.html'}", soft_wrap=True, markup=False)


def _facts(content: ScoredSet) -> dict[str, Json]:
    return {
        "set": content.name,
        "num_images": content.num_images,
        "rows": [dict(row) for row in content.rows],
        "per_class": dict(content.per_class),
        "published": [asdict(row) for row in content.published],
        "command": content.command,
        "commit": run_facts.commit(),
        "versions": run_facts.versions(),
    }


def _rows_of(path: Path, labels: LabelSet) -> list[dict[str, Json]]:
    """Return the rows that another run has scored itself, with its name.

    Raises:
        ValueError: If the file is none of a report, or of other photos.
        OSError: If it cannot be read.
    """
    try:
        facts = json.loads(path.read_text())
        of, rows = (facts["set"], facts["num_images"]), [dict(row) for row in facts["rows"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no {_FACTS} of a report: give that of a test") from error
    wanted = (labels.name, len(labels.files))
    if of != wanted:
        raise ValueError(
            f"{path} is of {of[0]}, {of[1]} photos, this test of {wanted[0]}, {wanted[1]} photos: "
            "test both on the same"
        )
    run = path.absolute().parent.parent.name
    return [row | {"run": run} for row in rows if "run" not in row]


def _row(name: str, description: str, values: Mapping[str, Tensor]) -> dict[str, Json]:
    frequent = float(mean_of_frequent(values["iou"], values["num_images"], least=FREQUENT))
    means = {key: float(values[key]) for key in MEANS if key in values}
    if "threshold" in values:
        means["threshold"] = round(float(values["threshold"]), 6)  # of a grid, once in float32
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


def _table(content: ScoredSet) -> Table:
    table = Table(title=Text(content.title))
    table.add_column("protocol")
    for title in MEANS.values():
        table.add_column(title, justify="right")
    for row in content.rows:
        table.add_row(Text(row_name(row)), *(percent(row.get(key)) for key in MEANS))
    return table


def _json(value: float) -> Json:
    return None if math.isnan(value) else value


def _data(trainer: Trainer) -> object:
    return trainer.datamodule  # type: ignore[attr-defined]  # set, not declared
