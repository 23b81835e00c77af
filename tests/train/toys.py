"""What the tiny runs are made of; imported by class path, in this process or in others."""

import os
import resource
import signal
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from datamodules.batch import Batch


class TinyNet(nn.Sequential):
    """A network without BatchNorm, so that two processes train as one; dropout draws noise."""

    def __init__(self, width: int, dropout: float = 0.0) -> None:
        super().__init__(
            nn.Conv2d(3, width, 3, padding=1),
            nn.GroupNorm(1, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv2d(width, 1, 3, padding=1),
        )


class Recorder(Callback):
    """Appends "batch, ids, loss in hexadecimal" to ``steps.<rank>.txt``.

    Args:
        kill_at: Number of the batch before which the run ends; -1 for never.
        with_signal: Name of the signal that ends it; empty for an exception.
    """

    def __init__(self, kill_at: int = -1, with_signal: str = "") -> None:
        self.kill_at = kill_at
        self.with_signal = with_signal

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        if trainer.fit_loop.total_batch_idx == self.kill_at:
            if not self.with_signal:
                raise RuntimeError("stopped on purpose")
            os.kill(os.getpid(), signal.Signals[self.with_signal])

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: dict[str, Tensor],
        batch: Batch,
        batch_idx: int,
    ) -> None:
        path = Path(trainer.default_root_dir) / f"steps.{trainer.global_rank}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            loss = float(outputs["loss"]).hex()
            file.write(f"{trainer.fit_loop.total_batch_idx} {' '.join(batch.id)} {loss}\n")


class KilledInWrite(Callback):
    """Lets the system kill the process in the middle of writing a checkpoint.

    Args:
        at_step: Optimizer steps taken when that checkpoint is written.
        num_bytes: What of it is still written.
    """

    def __init__(self, at_step: int, num_bytes: int) -> None:
        self.at_step = at_step
        self.num_bytes = num_bytes

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, object]
    ) -> None:
        if trainer.global_step == self.at_step:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.num_bytes, hard))


class DiskFiller(Callback):
    """Fills the disk of the run's folder before a batch.

    Args:
        at_batch: Number of that batch.
    """

    def __init__(self, at_batch: int) -> None:
        self.at_batch = at_batch

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        if trainer.fit_loop.total_batch_idx != self.at_batch:
            return
        with (Path(trainer.default_root_dir) / "ballast").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return


class ValidatedWeights(Callback):
    """Leaves the weights that a validation was run with as ``validated.pt``."""

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, *_: object
    ) -> None:
        torch.save(pl_module.state_dict(), Path(trainer.default_root_dir) / "validated.pt")


class PromptedNet(nn.Module):
    """A network that says that it is told where the object is."""

    prompt_protocol = "prompted: a box was given"
