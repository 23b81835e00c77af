"""Which checkpoints a run keeps."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lightning.pytorch.callbacks import ModelCheckpoint


@dataclass(frozen=True, kw_only=True)
class Checkpointing:
    """Two checkpoints in a fixed folder: the last one, to go on from, and the best one.

    Args:
        every_n_steps: Optimizer steps between two writes of ``checkpoints/last.ckpt``, which
            ``--ckpt_path last`` finds.
        monitor: Logged value that picks ``checkpoints/best.ckpt``.
        mode: Whether more or less of it is better.
    """

    every_n_steps: int = 200
    monitor: str = "val/max_f"
    mode: Literal["min", "max"] = "max"

    def callbacks(self, root: Path) -> list[ModelCheckpoint]:
        """Return the callbacks that write below `root`."""
        folder = root / "checkpoints"
        last = ModelCheckpoint(
            dirpath=folder,
            filename="last",
            every_n_train_steps=self.every_n_steps,
            enable_version_counter=False,
        )
        best = ModelCheckpoint(
            dirpath=folder,
            filename="best",
            monitor=self.monitor,
            mode=self.mode,
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        )
        return [last, best]
