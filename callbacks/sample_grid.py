"""Pictures that a diffusion model paints, in TensorBoard, while it learns."""

from typing import Protocol, runtime_checkable

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from callbacks.edit_grid import grid
from datamodules.batch import Batch


@runtime_checkable
class DrawsImages(Protocol):
    """A module that paints images for the masks of a batch."""

    def draw(self, batch: Batch, number: int = 0) -> Tensor:
        """Return ``(B, C, H, W)`` images in [0, 1], C 1 or 3, other ones for each `number`."""


class SampleGrid(Callback):
    """Shows the first validation masks, each with several drawn images, after every validation.

    A row is a pair: its mask, its image, then what is drawn, from the same noise every time, so
    that pictures of one run can be compared. Every `TensorBoardLogger` of the run receives it as
    ``samples``.

    Args:
        num_masks: Rows.
        num_images: Drawn of each.

    Raises:
        ValueError: If a number is below 1.
    """

    def __init__(self, num_masks: int = 8, num_images: int = 3) -> None:
        if num_masks < 1 or num_images < 1:
            raise ValueError(
                f"num_masks {num_masks} and num_images {num_images} must be 1 or more: leave the "
                "callback out for no pictures"
            )
        self.num_masks = num_masks
        self.num_images = num_images

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a module that draws nothing.

        Raises:
            ValueError: If the module has no ``draw``.
        """
        if not isinstance(pl_module, DrawsImages):
            raise ValueError(
                "SampleGrid needs lightningmodules.diffusion.Diffusion, got "
                f"{type(pl_module).__name__}"
            )

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draw for the first batch: averaged weights are in place now."""
        boards = [x for x in trainer.loggers if isinstance(x, TensorBoardLogger)]
        if batch_idx or not boards or not isinstance(batch, Batch):
            return
        assert isinstance(pl_module, DrawsImages)
        drawn = [pl_module.draw(batch, number) for number in range(self.num_images)]
        columns = [x[: self.num_masks].float() for x in (batch.mask, batch.image, *drawn)]
        planes = torch.stack([column.expand(-1, 3, -1, -1) for column in columns], dim=1)
        picture = torch.cat([grid(planes[:, :, colour]) for colour in range(3)])
        for board in boards:
            board.experiment.add_image("samples", picture, trainer.global_step)
