"""After a test: a page that a person reads, and the same numbers for programs."""

import time
from collections.abc import Container, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from torch import Tensor

from callbacks import run_facts
from callbacks.beside import ALL, Values, read_metrics
from callbacks.interpretation import interpretation_of
from callbacks.priors import score_priors
from callbacks.prompt_protocol import difference, protocol_of, read_protocol
from callbacks.report_content import Content, Row, build_content, choose_examples, subset_of
from callbacks.report_files import write_report
from callbacks.report_measures import literature, number
from callbacks.reports_data import LeavesOut, ReportsData
from callbacks.thumbnails import Thumbnails, thumbnails
from callbacks.training_facts import TrainingFacts, read_training_facts
from datamodules.batch import Batch
from metrics.scores import Evaluated

T = TypeVar("T")

MAX_THREADS = 8
"""Images drawn at once; each holds some copies of itself meanwhile."""


class Report(Callback):
    """Writes ``report/`` into the run's folder after a test, and prints the result.

    The folder holds ``index.html`` (opens from disk, needs nothing else), ``metrics.json`` (an
    object of numbers per subset and ``all``), ``priors.json``, ``per_image.csv``, ``curves.npz``
    (the curves of each image), the plots and, of a network that is told where the objects are,
    ``protocol.txt``. The subset of an image is the folder part of its id.
    The test step must return `Evaluated`. A data module that is `ReportsData` adds the mean-mask
    prior and the findings of its check; a fit into the same folder, what it has left about its
    data: data stall, synthetic pairs.

    Args:
        beside: Runs to compare with: name -> ``metrics.json`` of their reports.
        num_examples: Images in each of the grids worst, median and best.
        variants: Whether the other definitions that the literature uses are shown too, and written
            to ``variants.json``.
        enabled: False for a test that is not about masks of a network; it then writes nothing.
    """

    def __init__(
        self,
        beside: dict[str, str] | None = None,
        num_examples: int = 4,
        *,
        variants: bool = False,
        enabled: bool = True,
    ) -> None:
        if num_examples < 1:
            raise ValueError(f"num_examples must be at least 1, got {num_examples}")
        self.beside = beside or {}
        self.num_examples = num_examples
        self.variants = variants
        self.enabled = enabled
        self._beside: dict[str, tuple[str, Values]] = {}
        self._rows: dict[str, Row] = {}
        self._pictures: dict[str, Thumbnails] = {}
        self._mean_mask: Tensor | None = None
        self._training: TrainingFacts | None = None
        self._commit = run_facts.UNKNOWN
        self._started = 0.0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Read the runs to compare with, and what a fit has left, before hours of testing.

        Raises:
            ValueError: If one is missing, no metrics file or of a network that was told something
                else (see `callbacks.prompt_protocol`), or what a fit has left is broken.
        """
        if stage == "test":
            self._training = read_training_facts(Path(trainer.default_root_dir))
            self._beside = {n: (path, read_metrics(Path(path))) for n, path in self.beside.items()}
            for name, path in self.beside.items():
                _refuse_other_protocol(name, Path(path), protocol_of(pl_module))

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock, and note the commit before anyone edits a file."""
        self._forget()
        data = _reports_data(trainer)
        self._mean_mask = None if data is None else data.mean_mask()
        self._commit = run_facts.commit()
        self._started = time.monotonic()

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep scores and small pictures of the batch.

        Raises:
            TypeError: If the test step returned something else than `Evaluated`.
            ValueError: If a truth is missing, or an image came twice.
        """
        if not self.enabled:
            return
        if not isinstance(outputs, Evaluated) or not isinstance(batch, Batch):
            raise TypeError(
                f"Report needs a Batch and a test step that returns Evaluated, "
                f"got {type(batch).__name__} and {type(outputs).__name__}: "
                "for another kind of test set report.enabled to false"
            )
        # threads, since drawing and counting release the interpreter
        with ThreadPoolExecutor(min(len(batch), MAX_THREADS)) as pool:
            done = pool.map(lambda place: self._collect(outputs, batch, place), range(len(batch)))
        for row, pictures in done:
            _refuse_duplicate(row.id, self._rows)
            self._rows[row.id] = row
            self._pictures[row.id] = pictures

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Bring all processes' rows together and write the report from the first one.

        Raises:
            ValueError: If two processes tested the same image, or none tested any.
        """
        if not self.enabled:
            return
        ranks = _gather(list(self._rows.values()))
        rows = sorted((row for rank in ranks for row in rank), key=lambda row: row.id)
        for row, following in pairwise(rows):
            _refuse_duplicate(following.id, [row.id])
        if not rows:
            raise ValueError("no image was tested: check the test split and limit_test_batches")
        # only the pictures that are shown travel between processes
        grids = choose_examples(rows, self.num_examples).values()
        shown = {row.id for grid in grids for row in grid}
        mine = {id: pictures for id, pictures in self._pictures.items() if id in shown}
        pictures = {id: p for rank in _gather(mine) for id, p in rank.items()}
        if trainer.is_global_zero:
            content = self._content(trainer, pl_module, rows, pictures)
            folder = Path(trainer.default_root_dir) / "report"
            write_report(folder, content)
            _print(content, folder)
        trainer.strategy.barrier("report is written")
        self._forget()

    def _forget(self) -> None:
        self._rows = {}
        self._pictures = {}
        self._mean_mask = None

    def _collect(self, outputs: Evaluated, batch: Batch, place: int) -> tuple[Row, Thumbnails]:
        id, truth, weight = batch.id[place], batch.truth[place], batch.truth_weight[place]
        if truth is None:
            raise ValueError(f"sample {id!r} has no truth: a report needs a labelled test split")
        row = Row(
            id=id,
            subset=subset_of(id),
            class_name=next(iter(batch.class_names[place]), ""),
            size=(truth.shape[0], truth.shape[1]),
            scores=outputs.scores[place],
            priors=score_priors(self._mean_mask, truth, weight),
        )
        return row, thumbnails(batch.image[place], truth, outputs.maps[place], weight)

    def _content(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        rows: list[Row],
        pictures: Mapping[str, Thumbnails],
    ) -> Content:
        data = _reports_data(trainer)
        has_network = any(True for _ in pl_module.parameters())
        untrained = "the weights the network was built with" if has_network else "no network ran"
        root = Path(trainer.default_root_dir).resolve()
        protocol = protocol_of(pl_module)
        interpretation = interpretation_of(pl_module)
        return build_content(
            rows,
            title=root.name,
            beside=self._beside,
            pictures=pictures,
            num_examples=self.num_examples,
            variants=self.variants,
            problems=None if data is None else data.problems,
            left_out=data.left_out if isinstance(data, LeavesOut) else (),
            training=self._training,
            is_prompted=protocol is not None,
            facts={
                **({} if protocol is None else {"protocol": protocol}),
                **({} if interpretation is None else {"interpretation": interpretation}),
                "command": run_facts.command(),
                "commit": self._commit,
                "checkpoint": str(trainer.ckpt_path or f"none: {untrained}"),
                "versions": run_facts.versions(),
                "hardware": run_facts.hardware(trainer.strategy.root_device, trainer.world_size),
                "duration": run_facts.duration(time.monotonic() - self._started),
                "finished": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            },
        )


def _refuse_other_protocol(name: str, metrics: Path, protocol: str | None) -> None:
    problem = difference(
        "this run", protocol, other=name, other_protocol=read_protocol(metrics.parent)
    )
    if problem:
        raise ValueError(problem)


def _reports_data(trainer: Trainer) -> ReportsData | None:
    data: object = trainer.datamodule  # type: ignore[attr-defined]  # set, not declared
    return data if isinstance(data, ReportsData) else None


def _refuse_duplicate(id: str, tested: Container[str]) -> None:
    if id in tested:
        raise ValueError(
            f"sample {id!r} was tested twice: ids must be unique, and the test sampler must not "
            "pad with repeats"
        )


def _gather(mine: T) -> list[T]:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [mine]
    ranks: list[T | None] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(ranks, mine)
    return [rank for rank in ranks if rank is not None]


def _print(content: Content, folder: Path) -> None:
    measures = literature(content.contenders[0].values[ALL])
    title = Text(f"{content.title}: {len(content.rows)} images")
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for measure in measures:
        table.add_column(measure.title, justify="right")
    for place, contender in enumerate(content.contenders):
        values = contender.values[ALL]
        numbers = [number(measure, values.get(measure.key)) for measure in measures]
        table.add_row(Text(contender.name), *numbers, style="" if place else "bold")
    console = Console()
    console.print(table)
    # soft_wrap: a path that is cut into lines cannot be copied
    console.print(f"report: {folder / 'index.html'}", soft_wrap=True, markup=False, highlight=False)


if __name__ == "__main__":
    from callbacks.compare import main

    raise SystemExit(main())
