"""A trained diffusion model as a folder that painters and edits load."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks.atomic_folder import new_folder


@runtime_checkable
class SavesPipeline(Protocol):
    """A module that can write what it trains in the hub's layout."""

    def save_pipeline(self, folder: Path) -> None:
        """Write into a folder, made where missing."""


class PipelineWriter(Callback):
    """Leaves ``pipeline`` in the run's folder when a fit has finished.

    It appears whole, or what stood there stays. List it after an averaging callback: then these
    are the averages.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a module that has no pipeline.

        Raises:
            ValueError: If the module has no ``save_pipeline``.
        """
        if not isinstance(pl_module, SavesPipeline):
            raise ValueError(
                "PipelineWriter needs lightningmodules.diffusion.Diffusion, got "
                f"{type(pl_module).__name__}"
            )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the pipeline from rank 0.

        Raises:
            OSError: If it cannot be written.
        """
        if not trainer.is_global_zero or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return  # a trial of one batch must not replace trained weights
        assert isinstance(pl_module, SavesPipeline)
        with new_folder(Path(trainer.default_root_dir) / "pipeline") as folder:
            pl_module.save_pipeline(folder)
