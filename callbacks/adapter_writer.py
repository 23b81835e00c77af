"""A trained adapter as a folder that others load."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks.atomic_folder import replace_folder


@runtime_checkable
class HasAdapter(Protocol):
    """A module that trains an adapter of a larger, frozen network."""

    def adapter_files(self) -> Mapping[str, bytes]:
        """Return the content of the adapter's files by name."""


class AdapterWriter(Callback):
    """Leaves the folder ``adapter`` in the run's folder when a fit has finished.

    With an averaging callback listed before this one, these are the averages.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a module that trains no adapter.

        Raises:
            ValueError: If the module has no ``adapter_files``.
        """
        if not isinstance(pl_module, HasAdapter):
            raise ValueError(
                "AdapterWriter needs lightningmodules.diffusion_mask_editor.DiffusionMaskEditor, "
                f"got {type(pl_module).__name__}: leave the callback out"
            )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the folder from rank 0.

        Raises:
            OSError: If it cannot be written; one that stood there is left as it was.
        """
        trial = bool(trainer.fast_dev_run)  # type: ignore[attr-defined]  # set, not declared
        if not trainer.is_global_zero or trial:
            return  # a trial of one batch must not replace trained weights
        assert isinstance(pl_module, HasAdapter)
        replace_folder(Path(trainer.default_root_dir) / "adapter", pl_module.adapter_files())
