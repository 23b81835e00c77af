"""Pictures of edited masks in TensorBoard, while an editor learns."""

from typing import Protocol, runtime_checkable

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from datamodules.batch import Batch


@runtime_checkable
class EditsMasks(Protocol):
    """A module that edits masks."""

    def edit(self, masks: Tensor, number: int = 0) -> Tensor:
        """Return edits of ``(B, 1, H, W)`` masks in [0, 1], other ones for each `number`."""


class EditGrid(Callback):
    """Shows the first validation masks, each with several edits, after every validation.

    A row is a mask: itself, then its edits, the same codes every time, so that pictures of one run
    can be compared. Every `TensorBoardLogger` of the run receives it as ``edits``.

    Args:
        num_masks: Rows.
        num_edits: Of each mask.

    Raises:
        ValueError: If a number is below 1.
    """

    def __init__(self, num_masks: int = 8, num_edits: int = 5) -> None:
        if num_masks < 1 or num_edits < 1:
            raise ValueError(
                f"num_masks {num_masks} and num_edits {num_edits} must be 1 or more: leave the "
                "callback out for no pictures"
            )
        self.num_masks = num_masks
        self.num_edits = num_edits

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a module that edits nothing.

        Raises:
            ValueError: If the module has no ``edit``.
        """
        if not isinstance(pl_module, EditsMasks):
            raise ValueError(
                "EditGrid needs lightningmodules.mask_editor.MaskEditor, got "
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
        """Draw the first batch: averaged weights are in place now, as in the scores."""
        boards = [x for x in trainer.loggers if isinstance(x, TensorBoardLogger)]
        if batch_idx or not boards or not isinstance(batch, Batch):
            return
        assert isinstance(pl_module, EditsMasks)
        masks = batch.mask[: self.num_masks]
        rows = [masks, *(pl_module.edit(masks, number) for number in range(self.num_edits))]
        picture = grid(torch.cat(rows, dim=1))
        for board in boards:
            board.experiment.add_image("edits", picture, trainer.global_step)


def grid(planes: Tensor, gap: int = 2) -> Tensor:
    """Lay out planes in rows, with grey lines between them.

    Args:
        planes: ``(B, K, H, W)`` float in [0, 1].
        gap: Width of the lines in pixels.

    Returns:
        ``(1, B * (H + gap) - gap, K * (W + gap) - gap)`` float in [0, 1] on the CPU.
    """
    count, columns, height, width = planes.shape
    framed = torch.full((count, columns, height + gap, width + gap), 0.5)
    framed[:, :, :height, :width] = planes.cpu()
    laid_out = framed.permute(0, 2, 1, 3).reshape(count * (height + gap), -1)
    return laid_out[None, :-gap, :-gap] if gap else laid_out[None]
