"""Which checkpoints a run keeps."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from rich.console import Console

LAST = "last.ckpt"
BEST = "best.ckpt"


@dataclass(frozen=True, kw_only=True)
class Checkpointing:
    """Two checkpoints in a fixed folder: the last one, to go on from, and the best one.

    Args:
        every_n_steps: Optimizer steps between two writes of ``checkpoints/last.ckpt``, which
            ``--ckpt_path last`` finds; the last step of the run is written too.
        monitor: Logged value that picks ``checkpoints/best.ckpt``.
        mode: Whether more or less of it is better.
    """

    every_n_steps: int = 100
    monitor: str = "val/max_f"
    mode: Literal["min", "max"] = "max"

    def callbacks(self, root: Path) -> list[Callback]:
        """Return the callbacks that write below `root`."""
        folder = root / "checkpoints"
        last = LastCheckpoint(folder, self.every_n_steps)
        best = ModelCheckpoint(
            dirpath=folder,
            filename=Path(BEST).stem,
            monitor=self.monitor,
            mode=self.mode,
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        )
        return [last, best, WhatIsLeft(best)]


class LastCheckpoint(ModelCheckpoint):
    """Writes ``last.ckpt`` at every multiple of some steps, and when the run is as long as asked.

    Args:
        folder: Of the checkpoint.
        every_n_steps: Optimizer steps between two writes.
    """

    def __init__(self, folder: Path, every_n_steps: int) -> None:
        super().__init__(
            dirpath=folder,
            filename=Path(LAST).stem,
            every_n_train_steps=every_n_steps,
            enable_version_counter=False,
        )
        self.path = folder / LAST
        self.every_n_steps = every_n_steps

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Write after the last step, too, which need be no multiple.

        Not at the end of training: averaged weights have replaced the trained ones by then.
        """
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if trainer.fast_dev_run:  # type: ignore[attr-defined]  # set, not declared
            return
        step = trainer.global_step
        if step == trainer.max_steps and step % self.every_n_steps:
            trainer.save_checkpoint(self.path)


class WhatIsLeft(Callback):
    """Says at the end of a fit which checkpoint to go on with: a short run may have no best one.

    Args:
        best: Writes ``best.ckpt``.
    """

    def __init__(self, best: ModelCheckpoint) -> None:
        self.best = best

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print one line, from rank 0."""
        if trainer.is_global_zero and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            line = f"checkpoint: {self._line(trainer)}"
            Console().print(line, soft_wrap=True, markup=False, highlight=False)

    def _line(self, trainer: Trainer) -> str:
        if self.best.best_model_path:
            score = self.best.best_model_score
            of = "" if score is None else f" ({self.best.monitor} {float(score):.3f})"
            return f"{self.best.best_model_path}{of}"
        folder = Path(str(self.best.dirpath))
        every = trainer.val_check_interval
        why = f"never validated in {trainer.global_step} steps (trainer.val_check_interval {every})"
        old = f", {BEST} there is of an earlier run" if (folder / BEST).exists() else f": no {BEST}"
        then = f", test {folder / LAST}" if (folder / LAST).exists() else ""
        return f"{why}{old}{then}"
