"""Train a CLIP on images and their captions."""

import math
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from open_clip import tokenize
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from open_clip.model import CLIP
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from datamodules.batch import Batch
from lightningmodules.losses.image_text import image_text_contrast
from lightningmodules.optimizer_factory import OptimizerFactory
from lightningmodules.schedules import Schedule
from networks.clip_files import write_clip

_LARGEST_SCALE = math.log(100)  # as CLIP's authors bound it, for stable training


class ImageText(LightningModule):
    """CLIP's training on the prompts of samples; masks are not looked at.

    For small CLIPs that stand in for published ones offline.

    Args:
        net: Both encoders learn.
        optimizer: Built from the parameters of `net`.
        schedule: Factor on the rate, a function of (step, max_steps). None: constant.
        max_steps: Length of the run in optimizer steps; the command line links it to
            ``trainer.max_steps``.
        seed: The command line links it to ``seed_everything``; nothing is drawn here.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        net: CLIP,
        optimizer: OptimizerCallable,
        *,
        schedule: Schedule | None = None,
        max_steps: int = -1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = net
        self.optimizer = OptimizerFactory(optimizer)
        self.schedule = schedule
        self.max_steps = max_steps
        for name, values in (("mean", OPENAI_DATASET_MEAN), ("std", OPENAI_DATASET_STD)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def forward(self, image: Tensor, captions: list[str]) -> tuple[Tensor, Tensor]:
        """Return the unit vectors of both, ``(B, D)`` each.

        Args:
            image: ``(B, 3, H, W)`` float RGB in [0, 1], of the size that `net` is built for.
            captions: B texts; what is longer than the text encoder reads is cut.
        """
        tokens = tokenize(captions, self.net.context_length).to(image.device)
        of_image = self.net.encode_image((image - self.mean) / self.std, normalize=True)
        return of_image, self.net.encode_text(tokens, normalize=True)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss, a scalar.

        Raises:
            ValueError: If a sample has no prompt.
        """
        loss = self._loss(batch)
        self.log("train/loss", loss, prog_bar=True, batch_size=len(batch))
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Keep the temperature in its bounds."""
        self.net.logit_scale.data.clamp_(0, _LARGEST_SCALE)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the loss.

        Raises:
            ValueError: If a sample has no prompt.
        """
        self.log("val/loss", self._loss(batch), batch_size=len(batch), sync_dist=True)

    def configure_optimizers(self) -> Any:
        """Return the injected optimizer, with the schedule stepped after each step.

        Raises:
            ValueError: If there is a schedule and the run has no length.
        """
        optimizer = self.optimizer(self.net.parameters())
        if self.schedule is None:
            return optimizer
        schedule, max_steps = self.schedule, self.max_steps
        if max_steps < 1:
            raise ValueError(
                f"a learning-rate schedule needs the length of the run, got max_steps {max_steps}: "
                "set trainer.max_steps"
            )
        scheduler = LambdaLR(optimizer, lambda step: schedule(step, max_steps))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def save_clip(self, folder: Path) -> None:
        """Write the network as `networks.clip_model.clip_model` loads it."""
        write_clip(self.net, folder)

    def _loss(self, batch: Batch) -> Tensor:
        if not all(batch.prompt):
            id = batch.id[batch.prompt.index("")]
            raise ValueError(f"sample {id!r} has no prompt: give a set whose samples have captions")
        image, text = self(batch.image, batch.prompt)
        return image_text_contrast(image, text, self.net.logit_scale.exp(), batch.prompt)
