"""Train and evaluate any network that returns one or several maps of one object."""

from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR

from datamodules.batch import Batch
from datamodules.seeds import seed_for
from datamodules.segmentation import SegmentationDataModule
from lightningmodules.losses import Loss
from lightningmodules.optimizer_factory import OptimizerFactory
from lightningmodules.parameter_groups import optimizer_with_factors
from lightningmodules.schedules import Schedule
from lightningmodules.skeleton_cache import thinner_of
from lightningmodules.tiled_refinement import refined, tile_batch, tiled_map
from metrics.dis import DISMetrics
from metrics.measures import PIXELWISE
from metrics.quantise import resize, to_truth_size, to_uint8
from metrics.scores import Evaluated
from networks.image_size import ChecksImageSize
from networks.outputs import Outputs


class DIS(LightningModule):
    """Dichotomous segmentation: one step for every stage, everything else injected.

    Args:
        net: Sees the batch and returns `networks.outputs.Outputs`; a plain ``net(image)`` is
            wrapped by `networks.adapter.ImageInput`.
        loss: Sees outputs and batch and returns named, weighted terms; their sum is minimised.
        optimizer: Built from the parameters of `net` that need gradients.
        lr_factors: Factors on the learning rates of parts of `net` by their names; 0 leaves a part
            as it is. Null: one rate for all.
        schedule: Factor on the learning rate, a function of (step, max_steps). None: constant.
        max_steps: Length of the run in optimizer steps; the command line links it to
            ``trainer.max_steps``.
        channels_last: Whether `net` and images use the memory format that convolutions in bf16
            are fastest with.
        compile: Whether `net` and `loss` are compiled by ``torch.compile``.
        seed: Seed of the noise inside `net` (dropout), drawn anew from (seed, step) at each
            step so that a resumed run meets the same; the command line links it to
            ``seed_everything``.
        skeletons: Folder that keeps the skeletons of the test's truths for the next test. Null
            computes them each time.
    """

    def __init__(
        self,
        net: nn.Module,
        loss: Loss,
        optimizer: OptimizerCallable,
        *,
        lr_factors: dict[str, float] | None = None,
        schedule: Schedule | None = None,
        max_steps: int = -1,
        channels_last: bool = False,
        compile: bool = False,
        seed: int = 0,
        skeletons: str | None = "data/cache/skeletons",
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = net.to(memory_format=torch.channels_last) if channels_last else net
        self.loss = loss
        self.optimizer = OptimizerFactory(optimizer)
        self.lr_factors = lr_factors or {}
        self.schedule = schedule
        self.max_steps = max_steps
        self.channels_last = channels_last
        self.seed = seed
        # while training, what costs next to nothing; the whole list in the test
        self.val_metrics = DISMetrics(PIXELWISE)
        self.test_metrics = DISMetrics(thinner=thinner_of(skeletons))
        if compile:
            self.net.compile()
            self.loss.compile()

    def setup(self, stage: str) -> None:
        """Compare the size of the data with what the network sees, before any step.

        Raises:
            ValueError: If it does not fit.
        """
        data: object = getattr(self.trainer, "datamodule", None)  # none where loaders are given
        if isinstance(data, SegmentationDataModule) and isinstance(self.net, ChecksImageSize):
            self.net.check_image_size(*data.size)

    def forward(self, batch: Batch) -> Outputs:
        """Return the network's outputs for a batch of floats."""
        if self.channels_last:
            batch.image = batch.image.contiguous(memory_format=torch.channels_last)
        return self.net(batch)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed the noise of this step, each process its own, and tell the loss of it."""
        step = self.trainer.fit_loop.total_batch_idx
        torch.manual_seed(seed_for(self.seed, "noise", step, self.global_rank))
        self.loss.begin_step(self.global_step, self.max_steps)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the sum of the loss terms, a scalar."""
        terms: dict[str, Tensor] = self.loss(self(batch), batch)
        total = torch.stack(list(terms.values())).sum()
        self.log("train/loss", total, prog_bar=True, batch_size=len(batch))
        if len(terms) > 1:
            named = {f"train/{name}": term for name, term in terms.items()}
            self.log_dict(named, batch_size=len(batch))
        return total

    # Lightning hands whatever a step returns to the callbacks, its annotation says less.
    def validation_step(self, batch: Batch, batch_idx: int) -> Evaluated:  # type: ignore[override]
        """Log the loss and score the batch at the truths' own sizes."""
        outputs = self(batch)
        total = torch.stack(list(self.loss(outputs, batch).values())).sum()
        self.log("val/loss", total, batch_size=len(batch), on_epoch=True, sync_dist=True)
        return self._score(self.val_metrics, outputs, batch)

    def test_step(self, batch: Batch, batch_idx: int) -> Evaluated:  # type: ignore[override]
        """Score the batch at the truths' own sizes."""
        return self._score(self.test_metrics, self(batch), batch)

    def on_validation_epoch_end(self) -> None:
        """Log the scores over all images and ranks."""
        self._log_scores("val", self.val_metrics)

    def on_test_epoch_end(self) -> None:
        """Log the scores over all images and ranks."""
        self._log_scores("test", self.test_metrics)

    def predict_step(self, batch: Batch, batch_idx: int) -> list[Tensor]:
        """Return one (h, w) uint8 map per sample, at the sample's original size.

        Where the batch holds a larger photo, its tiles are seen too, as many at once as the batch
        has samples.

        Raises:
            ValueError: If the network is told where the object is (it has a ``prompt_protocol``):
                a photo alone does not say.
        """
        if hasattr(self.net, "prompt_protocol"):
            raise ValueError(
                f"{type(self.net).__name__} is told by the true mask where the object is: predict "
                "takes networks that see the photo alone"
            )
        whole = self._logits(batch)
        larger = batch.finer or [None] * len(batch)
        return [
            to_truth_size(logits[None], size)
            if photo is None
            else to_uint8(resize(self._refined(logits.sigmoid(), photo, len(batch)), size))
            for logits, size, photo in zip(whole, batch.size, larger, strict=True)
        ]

    def configure_optimizers(self) -> Any:
        """Return the injected optimizer, with the schedule stepped after each step.

        Raises:
            ValueError: If there is a schedule and the run has no length, or `lr_factors` name no
                part of the network.
        """
        optimizer = optimizer_with_factors(self.optimizer, self.net, self.lr_factors)
        if self.schedule is None:
            return optimizer
        schedule, max_steps = self.schedule, self.max_steps
        if max_steps < 1:
            raise ValueError(
                f"a learning-rate schedule needs the length of the run, got max_steps {max_steps}: "
                "set trainer.max_steps"
            )
        # not trainer.estimated_stepping_batches: reading it here drops the loader's state on
        # resume (Lightning-AI/pytorch-lightning#20550)
        scheduler = LambdaLR(optimizer, lambda step: schedule(step, max_steps))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def _score(self, metrics: DISMetrics, outputs: Outputs, batch: Batch) -> Evaluated:
        maps = self._maps(outputs, batch)
        truths = [truth for truth in batch.truth if truth is not None]
        metrics.update(maps, truths, batch.truth_weight)
        return Evaluated(maps=maps, scores=metrics.latest)

    def _log_scores(self, stage: str, metrics: DISMetrics) -> None:
        scores = {f"{stage}/{name}": value for name, value in metrics.compute().items()}
        self.log_dict(scores, prog_bar=True)
        metrics.reset()

    def _maps(self, outputs: Outputs, batch: Batch) -> list[Tensor]:
        whole = _at_input_size(outputs, batch)
        return [
            to_truth_size(logits[None], size)
            for logits, size in zip(whole, batch.size, strict=True)
        ]

    def _logits(self, batch: Batch) -> Tensor:
        return _at_input_size(self(batch), batch)

    def _refined(self, whole: Tensor, photo: Tensor, batch_size: int) -> Tensor:
        """Return ``(h, w)`` of ``(1, H, W)`` and a photo of ``(3, h, w)`` bytes."""
        size = (whole.shape[1], whole.shape[2])
        found = tiled_map(
            lambda tiles: self._logits(tile_batch(tiles)).sigmoid(), photo, size, batch_size
        )
        return refined(whole, found)


def _at_input_size(outputs: Outputs, batch: Batch) -> Tensor:
    """Return ``(B, 1, H, W)`` float32 logits.

    First to the network's input, as logits, then as probabilities to the photo: so do the published
    codes, and so does the loss.
    """
    size = tuple(batch.image.shape[-2:])
    return F.interpolate(outputs.logits[0].float(), size, mode="bilinear", align_corners=False)
