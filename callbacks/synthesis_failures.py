"""Which pairs a mixture could not synthesise: counted, named, never hidden."""

import csv
import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks.trained_mixture import trained_mixture
from datamodules.atomic import write_atomically
from datamodules.batch import Batch
from datamodules.mixture_views import MixtureViews

COUNTS = "synthesis.json"
_HEADER = ["batch", "id", "reason"]


class SynthesisFailures(Callback):
    """Records the pairs that stand in for one that could not be made.

    Each process appends to ``synthesis_failures.<rank>.csv`` in the run's folder as soon as
    training meets such a pair, so that nothing is lost when the run is killed; a continued
    run drops the rows that it will meet again. The total is printed at the end, and left in
    ``synthesis.json`` beside the number of samples and of those meant to be synthetic, over all
    processes and parts of the run. ``train/synthetic`` and ``train/synthesis_failed`` are the
    shares of rank 0's samples so far in this process that were synthetic, and that should have
    been.
    """

    def __init__(self) -> None:
        self._num_samples = 0
        self._num_synthetic = 0
        self._num_failed = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the rows of the batches that were trained on before, and no others."""
        if trainer.is_global_zero and not _is_trial(trainer):
            last = trainer.fit_loop.total_batch_idx
            for path in failure_files(Path(trainer.default_root_dir)):
                kept = [row for row in read_failures(path) if int(row[0]) <= last]
                if kept:
                    write_atomically(path, _text([_HEADER, *kept]).encode())
                else:
                    path.unlink()
            if last < 0:  # what an earlier run has left is not of this one
                (Path(trainer.default_root_dir) / COUNTS).unlink(missing_ok=True)
        trainer.strategy.barrier()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Write down the failures of a batch and log its shares."""
        if not isinstance(batch, Batch):
            return
        number = trainer.fit_loop.total_batch_idx
        # zip stops where a batch that was put together by hand has no such list
        failed = [
            [str(number), id, reason]
            for id, reason in zip(batch.id, batch.failures, strict=False)
            if reason
        ]
        self._num_samples += len(batch)
        self._num_synthetic += sum(batch.is_synthetic)
        self._num_failed += len(failed)
        if self._num_synthetic or self._num_failed:  # or there is no mixture
            size = len(batch)
            pl_module.log(
                "train/synthetic", self._num_synthetic / self._num_samples, batch_size=size
            )
            pl_module.log(
                "train/synthesis_failed", self._num_failed / self._num_samples, batch_size=size
            )
        if failed and not _is_trial(trainer):
            _append(_path(trainer), failed)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the counts, and print how many pairs failed and where they are named."""
        trainer.strategy.barrier()
        if not trainer.is_global_zero or _is_trial(trainer):
            return
        root = Path(trainer.default_root_dir)
        rows = [row for path in failure_files(root) for row in read_failures(path)]
        views = trained_mixture(trainer)
        if views is not None:
            counts = _counts(views, trainer.fit_loop.total_batch_idx + 1, len(rows))
            write_atomically(root / COUNTS, f"{json.dumps(counts, indent=1)}\n".encode())
        if rows:
            photos = len({row[1] for row in rows})
            print(  # noqa: T201 - for the user
                f"{len(rows)} synthetic pairs of {photos} photos could not be made and the photos "
                f"stood in: see {', '.join(str(path) for path in failure_files(root))}",
                flush=True,
            )


def failure_files(root: Path) -> list[Path]:
    """Return the files of all processes in a run's folder."""
    return sorted(root.glob("synthesis_failures.*.csv"))


def read_failures(path: Path) -> list[list[str]]:
    """Return the rows (batch, id, reason) of a file; one cut off by a kill is left out."""
    whole = path.read_text().rpartition("\n")[0]
    return list(csv.reader(StringIO(whole)))[1:]


def _is_trial(trainer: Trainer) -> bool:
    """Whether this is a trial of one batch, which must leave alone what a run has left."""
    return bool(trainer.fast_dev_run)  # type: ignore[attr-defined]  # set, not declared


def _path(trainer: Trainer) -> Path:
    return Path(trainer.default_root_dir) / f"synthesis_failures.{trainer.global_rank}.csv"


def _counts(views: MixtureViews, num_batches: int, num_failed: int) -> dict[str, int]:
    """Count from (seed, slot), at 3 us a slot: no process has seen all of a run."""
    num_samples = num_batches * views.batch_size
    num_synthetic = sum(views.is_synthetic(slot) for slot in range(num_samples))
    return {"num_samples": num_samples, "num_synthetic": num_synthetic, "num_failed": num_failed}


def _append(path: Path, rows: Sequence[Sequence[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = [] if path.exists() else [_HEADER]
    with path.open("a") as file:
        file.write(_text([*header, *rows]))


def _text(rows: Sequence[Sequence[str]]) -> str:
    text = StringIO()
    # one line a row, or a kill could leave half a row that looks whole
    plain = [[" ".join(cell.split()) for cell in row] for row in rows]
    csv.writer(text, lineterminator="\n").writerows(plain)
    return text.getvalue()
