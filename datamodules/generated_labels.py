"""Generated sets as images with label maps and counterfactuals, to train on.

Letters: H, W size of a pair.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from albumentations import BasicTransform
from torch.utils.data import DataLoader, Dataset

from datamodules.draws import SlotLoader, index_at
from datamodules.json_value import Json
from datamodules.label_names import LabelNames
from datamodules.label_views import resize_labels
from datamodules.planes import Planes, channels_first
from datamodules.problems import DatasetError
from datamodules.resize import resize
from datamodules.sample import MaskKind, Sample, View
from datamodules.seeds import seed_for
from datamodules.segmentation import SegmentationDataModule
from datamodules.shard_index import index_of, rejected_later
from datamodules.synthetic import GeneratedPair, shard_reader
from datamodules.transforms import JointTransform
from datamodules.vocabulary import BACKGROUND


class GeneratedLabels(SegmentationDataModule):
    """Published pairs of generated sets, for training alone; each names its own classes.

    A soft mask of one object is read as the label map of that one class, see `labelled`.

    Args:
        roots: Folders that ``predict`` has left, finished or stopped.
        size: Height and width of the batches in pixels; one number for a square.
        batch_size: Global batch, over all processes.
        val_share: Share of the pairs that is validated on instead, in [0, 1). The hash of their
            ids decides which.
        transforms: albumentations transforms for training.
        num_workers: Loader processes of each rank.
        seed: Linked to ``seed_everything``.

    Raises:
        ValueError: If the share is not in [0, 1).
    """

    def __init__(
        self,
        roots: list[Path],
        *,
        size: int | tuple[int, int] = 512,
        batch_size: int = 16,
        val_share: float = 0.0,
        transforms: list[BasicTransform] | None = None,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__(size=size, batch_size=batch_size, num_workers=num_workers, seed=seed)
        if not 0 <= val_share < 1:
            raise ValueError(f"val_share {val_share} must be at least 0 and below 1")
        self.roots = list(roots)
        self.val_share = val_share
        self.transform = JointTransform(transforms or [], mask_kind=MaskKind.LABELS)
        self._pairs: list[tuple[Path, GeneratedPair]] = []

    @property
    def class_names(self) -> tuple[str, ...]:
        """Background alone: what else there is, each sample says itself."""
        return (BACKGROUND,)

    def setup(self, stage: str) -> None:
        """Find the pairs that were published until now and not rejected.

        Raises:
            ValueError: If a folder is no generated set.
            DatasetError: If no pair is left.
        """
        self._pairs = [(root, pair) for root in self.roots for pair in _published(root)]
        if len(self._pairs) <= self._num_validated():
            raise DatasetError(
                f"{len(self._pairs)} published pairs in {', '.join(map(str, self.roots))} are not "
                "enough to train on: make more, or lower data.val_share"
            )

    def train_dataloader(self) -> SlotLoader:
        """Return the walk over the training pairs."""
        views = self.training_views()
        return self.training_loader(views, len(views))

    def training_views(self) -> "LabelledPairs":
        """Return the training pairs, addressed by slot."""
        pairs = self._by_hash()[self._num_validated() :]
        return LabelledPairs(pairs, size=self.size, seed=self.seed, transform=self.transform)

    def val_dataloader(self) -> DataLoader[View] | list[DataLoader[View]]:
        """Return this rank's share of the validation pairs; no loader without any."""
        pairs = self._by_hash()[: self._num_validated()]
        if not pairs:
            return []
        views = LabelledPairs(pairs, size=self.size, seed=self.seed, transform=None)
        return self.evaluation_loader(views, len(views))

    def label_names(self) -> Sequence[LabelNames]:
        """Return the names of all pairs, see `datamodules.label_names.TellsLabelNames`."""
        trained = {(root, pair.id) for root, pair in self._by_hash()[self._num_validated() :]}
        found: dict[tuple[tuple[str, ...], bool], LabelNames] = {}
        for root, pair in self._pairs:
            record = shard_reader(root, pair.shard).pairs[pair.place]
            names = _names_of(record)
            lacks = (root, pair.id) in trained and not _has_counterfactual(record)
            if (names, lacks) not in found:
                where = f"sample {pair.id!r} of {root}"
                found[names, lacks] = LabelNames(
                    where=where, class_names=names, lacks_counterfactual=lacks
                )
        return list(found.values())

    def _num_validated(self) -> int:
        return round(self.val_share * len(self._pairs))

    def _by_hash(self) -> list[tuple[Path, GeneratedPair]]:
        return sorted(self._pairs, key=lambda pair: seed_for(self.seed, "split", pair[1].id))


class LabelledPairs(Dataset[View]):
    """Pairs of generated sets at one size.

    Args:
        pairs: Each with the folder of its set.
        size: (height, width) of every view. A transform that crops gives it already.
        seed: Root seed of the run.
        transform: For training, where draw and augmentation are functions of (seed, slot). None:
            the views are addressed by the number of the pair.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[Path, GeneratedPair]],
        *,
        size: tuple[int, int],
        seed: int,
        transform: JointTransform | None,
    ) -> None:
        self.pairs = list(pairs)
        self.size = size
        self.seed = seed
        self.transform = transform

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, slot: int) -> View:
        is_training = self.transform is not None
        index = index_at(self.seed, slot, len(self.pairs)) if is_training else slot
        root, pair = self.pairs[index]
        sample = labelled(shard_reader(root, pair.shard).sample(pair.place))
        planes = _planes(sample)
        if self.transform is not None:
            planes = self.transform(planes, seed_for(self.seed, sample.id, slot))
        height, width = sample.mask.shape
        return View(sample=_with_planes(sample, planes, self.size), size=(height, width))


def labelled(sample: Sample) -> Sample:
    """Return a pair with a label map.

    Of the soft mask of one object, a pixel that is covered by half is of its class, and one that
    is covered in part counts the less, the nearer it is to half: nobody knows whose it is.
    """
    if sample.mask_kind is MaskKind.LABELS:
        return sample
    coverage = sample.mask.int()
    sureness = (2 * coverage - 255).abs()
    weight = sureness if sample.weight is None else sureness * sample.weight.int() // 255
    return replace(
        sample,
        mask=(coverage >= 128).to(torch.uint8),
        mask_kind=MaskKind.LABELS,
        class_names=(BACKGROUND, sample.class_names[0]),
        weight=weight.to(torch.uint8),
    )


def _names_of(record: Mapping[str, Json]) -> tuple[str, ...]:
    """Return the class names that `labelled` gives the pair of a record."""
    names = record["class_names"]
    assert isinstance(names, list)
    if record["mask_kind"] == MaskKind.LABELS.value:
        return tuple(map(str, names))
    return (BACKGROUND, str(names[0]))


def _has_counterfactual(record: Mapping[str, Json]) -> bool:
    files = record["files"]
    assert isinstance(files, dict)
    return any(name.partition(".")[0] == "counterfactual" for name in files)


def _published(root: Path) -> list[GeneratedPair]:
    unwanted = rejected_later(root)
    return [
        GeneratedPair(id, shard, place)
        for id, (shard, place) in index_of(root).places.items()
        if id not in unwanted
    ]


def _planes(sample: Sample) -> Planes:
    other = sample.counterfactual
    return Planes(
        image=sample.image.permute(1, 2, 0).contiguous().numpy(),
        mask=sample.mask.numpy(),
        weight=None if sample.weight is None else sample.weight.numpy(),
        counterfactual=None if other is None else other.permute(1, 2, 0).contiguous().numpy(),
    )


def _with_planes(sample: Sample, planes: Planes, size: tuple[int, int]) -> Sample:
    weight, other = planes.weight, planes.counterfactual
    return replace(
        sample,
        image=channels_first(resize(planes.image, size)),
        mask=torch.from_numpy(resize_labels(planes.mask, size)),
        weight=None if weight is None else torch.from_numpy(resize_labels(weight, size)),
        counterfactual=None if other is None else channels_first(resize(other, size)),
    )
