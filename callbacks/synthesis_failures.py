"""Which pairs a mixture could not synthesise: counted, named, never hidden."""

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from datamodules.atomic import write_atomically
from datamodules.batch import Batch

_HEADER = ["batch", "id", "reason"]


class SynthesisFailures(Callback):
    """Records the pairs that stand in for one that could not be made.

    Each process appends to ``synthesis_failures.<rank>.csv`` in the run's folder as soon as
    training meets such a pair, so that nothing is lost when the run is killed; a continued
    run drops the rows that it will meet again. The total is printed at the end;
    ``train/synthetic`` and ``train/synthesis_failed`` are the shares of rank 0's samples so far in
    this process that were synthetic, and that should have been.
    """

    def __init__(self) -> None:
        self._num_samples = 0
        self._num_synthetic = 0
        self._num_failed = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the rows of the batches that were trained on before, and no others."""
        if trainer.is_global_zero and not _is_trial(trainer):
            last = trainer.fit_loop.total_batch_idx
            for path in _files(trainer):
                kept = [row for row in read_failures(path) if int(row[0]) <= last]
                if kept:
                    write_atomically(path, _text([_HEADER, *kept]).encode())
                else:
                    path.unlink()
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
        """Print how many pairs failed, of how many photos, and where they are named."""
        trainer.strategy.barrier()
        if not trainer.is_global_zero or _is_trial(trainer):
            return
        rows = [row for path in _files(trainer) for row in read_failures(path)]
        if rows:
            photos = len({row[1] for row in rows})
            print(  # noqa: T201 - for the user
                f"{len(rows)} synthetic pairs of {photos} photos could not be made and the photos "
                f"stood in: see {', '.join(str(path) for path in _files(trainer))}",
                flush=True,
            )


def read_failures(path: Path) -> list[list[str]]:
    """Return the rows (batch, id, reason) of a file; one cut off by a kill is left out."""
    whole = path.read_text().rpartition("\n")[0]
    return list(csv.reader(StringIO(whole)))[1:]


def _is_trial(trainer: Trainer) -> bool:
    """Whether this is a trial of one batch, which must leave alone what a run has left."""
    return bool(trainer.fast_dev_run)  # type: ignore[attr-defined]  # set, not declared


def _path(trainer: Trainer) -> Path:
    return Path(trainer.default_root_dir) / f"synthesis_failures.{trainer.global_rank}.csv"


def _files(trainer: Trainer) -> list[Path]:
    return sorted(Path(trainer.default_root_dir).glob("synthesis_failures.*.csv"))


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
