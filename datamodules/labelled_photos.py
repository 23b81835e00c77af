"""Real photos with label maps of any reader, for training and for scoring."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from albumentations import BasicTransform
from torch.utils.data import DataLoader

from datamodules.batch import collate
from datamodules.content_hash import content_hashes
from datamodules.decode import start_worker
from datamodules.draws import SlotLoader
from datamodules.label_names import LabelNames
from datamodules.label_set import LabelFiles, LabelSet, LabelSource
from datamodules.label_views import LabelSlotViews, LabelViews
from datamodules.problems import DatasetError
from datamodules.sample import MaskKind, View
from datamodules.seeds import seed_for
from datamodules.segmentation import SegmentationDataModule
from datamodules.transforms import JointTransform


class LabelledPhotos(SegmentationDataModule):
    """Photos with label maps: PASCAL VOC and Context, COCO, or own ones.

    Scored photos keep their size and come one a batch; training photos have one size.

    Args:
        train: What is trained on, and what a background threshold is chosen on. Null: nothing.
        val: What checkpoints are chosen on. Null: nothing.
        test: What is scored. Null: nothing.
        size: Height and width of training batches in pixels; one number for a square.
        batch_size: Global batch of training, over all processes.
        train_share: Share of the training photos that is used, in (0, 1]. Which ones the hash of
            their names decides: smaller shares lie in larger ones, and `seed` draws others.
        transforms: albumentations transforms for training.
        num_workers: Loader processes of each rank.
        seed: Linked to ``seed_everything``.

    Raises:
        ValueError: If the share is not in (0, 1].
    """

    def __init__(
        self,
        *,
        train: LabelSource | None = None,
        val: LabelSource | None = None,
        test: LabelSource | None = None,
        size: int | tuple[int, int] = 512,
        batch_size: int = 16,
        train_share: float = 1.0,
        transforms: list[BasicTransform] | None = None,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__(size=size, batch_size=batch_size, num_workers=num_workers, seed=seed)
        if not 0 < train_share <= 1:
            raise ValueError(f"train_share {train_share} must be above 0 and at most 1")
        self.sources = {"train": train, "val": val, "test": test}
        self.train_share = train_share
        self.transform = (
            JointTransform(transforms, mask_kind=MaskKind.LABELS) if transforms else None
        )
        self._sets: dict[str, LabelSet] = {}

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the labels, background first, of the test set, else of another; after `setup`.

        Sets may have different names: a model of open vocabulary is trained on some and scored
        on others.
        """
        for split in ("test", "val", "train"):
            if split in self._sets:
                return self._sets[split].class_names
        return ()

    def setup(self, stage: str) -> None:
        """Find the files; no image is decoded.

        A photo is known again by its bytes, wherever it lies: PASCAL Context's are PASCAL VOC's.
        For copies of another size or quality there is ``python -m train audit``.

        Raises:
            DatasetError: If something is missing, or a scored photo is also trained on.
        """
        self._sets = {
            split: source.find() for split, source in self.sources.items() if source is not None
        }
        train = [one.image for one in self.training_files()]
        for split in ("val", "test"):
            scored = [one.image for one in self._sets[split].files] if split in self._sets else []
            for image, same in _same_files(scored, train):
                also = "" if image == same else f" as {same}"
                raise DatasetError(
                    f"{image} is trained on{also} and in {split}: give different splits"
                )

    def label_set(self, split: str) -> LabelSet:
        """Return ``train``, ``val`` or ``test``; known after `setup`.

        Raises:
            DatasetError: If there is none.
        """
        if split not in self._sets:
            raise DatasetError(f"there is no {split} set: give a reader by data.{split}")
        return self._sets[split]

    def label_names(self) -> Sequence[LabelNames]:
        """Return the names of either set, see `datamodules.label_names.TellsLabelNames`."""
        return [
            LabelNames(
                where=found.name,
                class_names=found.class_names,
                lacks_counterfactual=split == "train",  # photos have none
            )
            for split, found in self._sets.items()
            if split != "test"
        ]

    def training_files(self) -> tuple[LabelFiles, ...]:
        """Return the training photos that are used, in the order of their set; known after `setup`.

        At least one is.
        """
        if "train" not in self._sets:
            return ()
        files = self._sets["train"].files
        by_hash = sorted(files, key=lambda one: seed_for(self.seed, "share", one.id))
        kept = {one.id for one in by_hash[: math.ceil(self.train_share * len(files))]}
        return tuple(one for one in files if one.id in kept)

    def train_dataloader(self) -> SlotLoader:
        """Return the walk over the training photos."""
        views = self.training_views()
        return self.training_loader(views, len(views))

    def training_views(self) -> LabelSlotViews:
        """Return the training photos that are used, addressed by slot."""
        return LabelSlotViews(
            self.label_set("train"),
            self.training_files(),
            size=self.size,
            seed=self.seed,
            transform=self.transform,
        )

    def val_dataloader(self) -> DataLoader[View]:
        """Return this rank's share of the validation photos."""
        return self._scored(self.label_set("val"), self.label_set("val").files)

    def test_dataloader(self) -> DataLoader[View]:
        """Return this rank's share of the test photos."""
        return self._scored(self.label_set("test"), self.label_set("test").files)

    def calibration_dataloader(self, num_images: int) -> DataLoader[View]:
        """Return this rank's share of some training photos, as they are scored.

        For what must not be chosen on test photos: a background threshold.

        Args:
            num_images: How many at most, drawn by the hash of their names.
        """
        by_hash = sorted(
            self.training_files(), key=lambda one: seed_for(self.seed, "calibration", one.id)
        )
        return self._scored(self.label_set("train"), by_hash[:num_images])

    def _scored(self, labels: LabelSet, files: Sequence[LabelFiles]) -> DataLoader[View]:
        rank, world_size = self._place()
        if len(files) < world_size:
            raise DatasetError(
                f"{len(files)} photos cannot be scored by {world_size} processes: use fewer"
            )
        return DataLoader(
            LabelViews(labels, files),
            sampler=range(rank, len(files), world_size),  # see `evaluation_loader`
            batch_size=1,  # each photo has its own size
            num_workers=self.num_workers,
            collate_fn=collate,
            worker_init_fn=start_worker,
        )


def _same_files(first: Sequence[Path], second: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield each file of `first` with one of `second` that has the same bytes."""
    sizes = {path: path.stat().st_size for path in {*first, *second}}
    common = {sizes[path] for path in first} & {sizes[path] for path in second}
    # files of different sizes differ, so few photos are read at all
    hashes = content_hashes([path for path, size in sizes.items() if size in common])
    known = {hashes[path]: path for path in second if path in hashes}
    for path in first:
        if path in hashes and hashes[path] in known:
            yield path, known[hashes[path]]
