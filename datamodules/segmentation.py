"""What every DataModule of this repository shares: loaders that do not depend on the ranks."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader, Dataset

from datamodules.batch import Batch, collate
from datamodules.decode import start_worker
from datamodules.draws import SlotBatches, SlotLoader
from datamodules.problems import DatasetError, Problem
from datamodules.sample import View


class SegmentationDataModule(LightningDataModule, ABC):
    """Loaders whose samples are functions of (seed, slot), whatever the number of processes.

    Args:
        size: Height and width of the batches in pixels; one number for a square.
        batch_size: Global batch, over all processes: the numbers of a run do not depend on how
            many there are.
        num_workers: Loader processes of each rank.
        seed: Root seed of draws and augmentation; the command line links it to
            ``seed_everything``.
    """

    def __init__(
        self, *, size: int | tuple[int, int], batch_size: int, num_workers: int, seed: int
    ) -> None:
        super().__init__()
        self.size = (size, size) if isinstance(size, int) else size
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed
        # a rank may have nothing left to evaluate or to predict
        self.allow_zero_length_dataloader_with_multiple_devices = True

    @property
    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes that masks refer to."""

    @property
    def problems(self) -> Sequence[Problem]:
        """What the check of the data set found, skipped files included."""
        return ()

    def mean_mask(self) -> torch.Tensor | None:
        """Return the mean of the training masks, (H, W) float in [0, 1]; None without any."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """Let a checkpoint remember the size that its network was trained at."""
        return {"trained_size": list(self.size)}

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Turn bytes into floats on the device: a quarter of the bytes on the way there."""
        return batch.to_float()

    def training_loader(
        self,
        views: Dataset[View],
        num_samples: int,
        *,
        before_step: Callable[[int], None] | None = None,
        drawn_from: Mapping[str, str] = {},
    ) -> SlotLoader:
        """Return the endless, resumable walk over `views`, which are addressed by slot.

        Args:
            views: The training views.
            num_samples: Size of the training set.
            before_step: See `SlotBatches`.
            drawn_from: See `SlotLoader`.
        """
        rank, world_size = self._place()
        return SlotLoader(
            views,
            slots=SlotBatches(
                num_samples, self.batch_size, rank, world_size, before_step=before_step
            ),
            num_workers=self.num_workers,
            pin_memory=torch.cuda.is_available(),
            drawn_from=drawn_from,
        )

    def num_training_batches(self, num_samples: int) -> int | None:
        """Return how many global batches ``trainer.max_steps`` takes; None without such a length.

        An epoch has no more than ``limit_train_batches``. An optimizer step takes
        ``accumulate_grad_batches``, the last one of an epoch what is left.
        """
        if self.trainer is None or self.trainer.max_steps < 0:
            return None
        per_epoch = _limited(num_samples // self.batch_size, self.trainer.limit_train_batches)
        if not per_epoch:
            return 0
        accumulated = self.trainer.accumulate_grad_batches
        epochs, steps = divmod(self.trainer.max_steps, -(-per_epoch // accumulated))
        return epochs * per_epoch + min(steps * accumulated, per_epoch)

    def evaluation_loader(self, views: Dataset[View], num_views: int) -> DataLoader[View]:
        """Return this rank's share of `views`, each exactly once over all ranks, in order.

        Raises:
            DatasetError: If a rank would have nothing to evaluate; it would leave the others
                waiting for its sums. Prediction has none.
        """
        rank, world_size = self._place()
        is_prediction = self.trainer is not None and self.trainer.predicting
        if num_views < world_size and not is_prediction:
            raise DatasetError(
                f"{num_views} images cannot be evaluated by {world_size} processes: use fewer"
            )
        return DataLoader(
            views,
            # Lightning's own sampler repeats items until all ranks have equally many
            sampler=range(rank, num_views, world_size),
            batch_size=max(1, self.batch_size // world_size),
            num_workers=self.num_workers,
            collate_fn=collate,
            worker_init_fn=start_worker,
        )

    def _place(self) -> tuple[int, int]:
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size


def _limited(num_batches: int, limit: int | float | None) -> int:
    """Return how many batches of an epoch are trained on, as Lightning counts them.

    A whole number is a count, any other one a share; 1 is one batch, and 1.0 all of them.
    """
    if limit is None:
        return num_batches
    return min(num_batches, limit) if isinstance(limit, int) else int(num_batches * limit)
