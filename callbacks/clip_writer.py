"""A trained CLIP as a folder that segmenters load."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks.atomic_folder import new_folder


@runtime_checkable
class SavesClip(Protocol):
    """A module that can write the CLIP that it trains as open_clip loads it."""

    def save_clip(self, folder: Path) -> None:
        """Write into a folder, made where missing."""


class ClipWriter(Callback):
    """Leaves ``clip`` in the run's folder when a fit has finished, in half precision.

    It appears whole, or what stood there stays.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a module that trains no CLIP.

        Raises:
            ValueError: If the module has no ``save_clip``.
        """
        if not isinstance(pl_module, SavesClip):
            raise ValueError(
                "ClipWriter needs lightningmodules.image_text.ImageText, got "
                f"{type(pl_module).__name__}: leave the callback out"
            )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the folder from rank 0.

        Raises:
            OSError: If it cannot be written.
        """
        if not trainer.is_global_zero or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return  # a trial of one batch must not replace trained weights
        assert isinstance(pl_module, SavesClip)
        with new_folder(Path(trainer.default_root_dir) / "clip") as folder:
            pl_module.save_clip(folder)
