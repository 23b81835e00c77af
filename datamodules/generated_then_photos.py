"""Training on generated pairs first, then on few real photos: one run, one schedule."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from albumentations import BasicTransform
from torch.utils.data import DataLoader, Dataset

from datamodules.draws import SlotLoader
from datamodules.generated_labels import GeneratedLabels
from datamodules.label_names import LabelNames
from datamodules.label_set import LabelSource
from datamodules.labelled_photos import LabelledPhotos
from datamodules.sample import View
from datamodules.segmentation import SegmentationDataModule


class GeneratedThenPhotos(SegmentationDataModule):
    """Pretraining on generated sets and fine-tuning on photos with label maps.

    Whole batches are of one kind, so that the run's last part never sees a generated pair.

    Args:
        roots: Folders that ``predict`` has left, see `GeneratedLabels`.
        train: Photos of the last part, see `LabelledPhotos`.
        val: Photos that checkpoints are chosen on. Null: nothing.
        photos_last: Share of the run, in (0, 1), that is trained on photos, at its end.
        train_share: Share of the photos that is used, see `LabelledPhotos`.
        size: Height and width of training batches in pixels; one number for a square.
        batch_size: Global batch, over all processes.
        transforms: albumentations transforms for training, of pairs and photos alike.
        num_workers: Loader processes of each rank.
        seed: Linked to ``seed_everything``.

    Raises:
        ValueError: If a share is out of its range.
    """

    def __init__(
        self,
        roots: list[Path],
        train: LabelSource,
        *,
        val: LabelSource | None = None,
        photos_last: float = 0.3,
        train_share: float = 1.0,
        size: int | tuple[int, int] = 512,
        batch_size: int = 16,
        transforms: list[BasicTransform] | None = None,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__(size=size, batch_size=batch_size, num_workers=num_workers, seed=seed)
        if not 0 < photos_last < 1:
            raise ValueError(
                f"photos_last {photos_last} must be above 0 and below 1: for one kind of data take "
                "GeneratedLabels or LabelledPhotos"
            )
        self.photos_last = photos_last
        self.generated = GeneratedLabels(roots, size=size, transforms=transforms, seed=seed)
        self.photos = LabelledPhotos(
            train=train,
            val=val,
            size=size,
            train_share=train_share,
            transforms=transforms,
            num_workers=num_workers,
            seed=seed,
        )
        self._first_of_photos = 0

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the photos' labels, background first; after `setup`."""
        return self.photos.class_names

    def setup(self, stage: str) -> None:
        """Find pairs and photos; no image is opened.

        Raises:
            ValueError: If a folder is no generated set.
            DatasetError: If something is missing, or a validation photo is also trained on.
        """
        self.photos.trainer = self.trainer  # its loaders ask for rank and processes
        self.generated.setup(stage)
        self.photos.setup(stage)

    def train_dataloader(self) -> SlotLoader:
        """Return the walk over the pairs, then over the photos.

        Raises:
            ValueError: If the run has no length that could be divided.
        """
        pairs, photos = self.generated.training_views(), self.photos.training_views()
        num_batches = self.num_training_batches(len(pairs))
        if num_batches is None:
            raise ValueError(
                f"photos_last {self.photos_last} is a share of the run, which has no length: set "
                "trainer.max_steps"
            )
        self._first_of_photos = round((1 - self.photos_last) * num_batches)
        views = FirstThenLast(pairs, photos, switch=self._first_of_photos * self.batch_size)
        return self.training_loader(views, len(pairs))

    def val_dataloader(self) -> DataLoader[View] | list[DataLoader[View]]:
        """Return this rank's share of the validation photos; no loader without any."""
        return [] if self.photos.sources["val"] is None else self.photos.val_dataloader()

    def label_names(self) -> Sequence[LabelNames]:
        """Return the names of pairs and photos, see `datamodules.label_names.TellsLabelNames`.

        The photos train by masks alone.
        """
        photos = [replace(each, lacks_counterfactual=False) for each in self.photos.label_names()]
        return [*self.generated.label_names(), *photos]

    def shows_photos(self, batch: int) -> bool:
        """Return whether a training batch, by its number in the run, is of photos."""
        return batch >= self._first_of_photos


class FirstThenLast(Dataset[View]):
    """Two datasets that are addressed by slot, one after the other.

    Args:
        first: Shown before `switch`.
        last: Shown from it on.
        switch: A slot.
    """

    def __init__(self, first: Dataset[View], last: Dataset[View], *, switch: int) -> None:
        self.first = first
        self.last = last
        self.switch = switch

    def __getitem__(self, slot: int) -> View:
        return (self.first if slot < self.switch else self.last)[slot]
