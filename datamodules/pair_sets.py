"""Several sets of image and mask pairs, resized for a feature extractor: one of them is real.

Letters: B pairs of a batch; H, W the extractor's size; h, w a mask's measured size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from datamodules.decode import start_worker
from datamodules.pair_source import FolderPairs, PairSource
from datamodules.problems import DatasetError
from datamodules.shard_pairs import ShardPairs
from datamodules.shards import SHARDS
from datamodules.two_folders import HasInputSize, resize_bicubic

MEASURED_SIDE = 512
"""Longer side at which masks are measured: complexity depends on the number of pixels."""
_HALF = 128  # from here on a pixel is object


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SetPair:
    """One pair of one of the sets."""

    image: Tensor
    """``(3, H, W)`` float32, see `resize_bicubic`."""
    mask: Tensor
    """``(1, H, W)`` float32."""
    outline: NDArray[np.bool_]
    """``(h, w)``, the mask at `MEASURED_SIDE`, in its own shape."""
    set_number: int
    """0 for the real set."""
    place: int
    """In its set."""


@dataclass(slots=True, kw_only=True, eq=False)
class PairBatch:
    """Pairs of any sets; mutable because Lightning moves it between devices."""

    images: Tensor
    """``(B, 3, H, W)`` float32."""
    masks: Tensor
    """``(B, 1, H, W)`` float32."""
    outlines: list[NDArray[np.bool_]]
    places: Tensor
    """``(B, 2)`` int64, number of the set and place in it."""

    def __len__(self) -> int:
        return len(self.outlines)


class PairSets(LightningDataModule):
    """A real set and at least one other, by name.

    Args:
        sets: By the name in the report, a folder with ``im`` and ``gt``, a generated set's folder,
            or any `PairSource`.
        real: Name of the real one.
        batch_size: Pairs at a time on each process; the same batches for any number of processes.
        num_workers: Loader processes of each rank.
        seed: Linked to ``seed_everything``; nothing is drawn here.

    Raises:
        DatasetError: If `real` names none of the sets, there is no other, or a folder is no set.
        ValueError: If batch_size is below 1.
    """

    def __init__(
        self,
        sets: dict[str, str | PairSource],
        *,
        real: str = "real",
        batch_size: int = 32,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(f"batch_size {batch_size}: give at least 1")
        if real not in sets or len(sets) < 2:
            raise DatasetError(
                f"sets {', '.join(sets) or 'none'}: give the real set, called {real!r} "
                "(data.real), and at least one to compare with it"
            )
        self.real = real
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.sources = {
            name: _source(sets[name]) for name in [real, *(name for name in sets if name != real)]
        }
        self.origins = {name: origin_of(source) for name, source in self.sources.items()}

    def test_dataloader(self) -> DataLoader[SetPair]:
        """Return this rank's share of all sets.

        Raises:
            DatasetError: If there are fewer batches than processes, or the module does not say
                which size it wants.
        """
        assert self.trainer is not None  # Lightning attaches it before it asks for a loader
        module = self.trainer.lightning_module
        if not isinstance(module, HasInputSize):
            raise DatasetError(
                f"{type(module).__name__} does not say which input_size it wants: sets of pairs "
                "are for lightningmodules.set_quality.PairSetQuality"
            )
        pairs = SetPairs(list(self.sources.values()), module.input_size)
        places = range(len(pairs))
        batches = [places[i : i + self.batch_size] for i in places[:: self.batch_size]]
        if len(batches) < self.trainer.world_size:
            raise DatasetError(
                f"{len(pairs)} pairs in batches of {self.batch_size} leave nothing to do for some "
                f"of {self.trainer.world_size} processes: lower data.batch_size, or use fewer"
            )
        return DataLoader(
            pairs,
            batch_sampler=[
                list(batch)
                for batch in batches[self.trainer.global_rank :: self.trainer.world_size]
            ],
            num_workers=self.num_workers,
            collate_fn=collate_pairs,
            worker_init_fn=start_worker,
        )


class SetPairs(Dataset[SetPair]):
    """All pairs of all sets, one set after the other.

    Args:
        sources: The real one first.
        size: (height, width) of what the extractor sees.
    """

    def __init__(self, sources: Sequence[PairSource], size: tuple[int, int]) -> None:
        self.sources = list(sources)
        self.size = size
        self._places = [
            (number, place)
            for number, source in enumerate(sources)
            for place in range(len(source.entries))
        ]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> SetPair:
        number, place = self._places[index]
        image, mask = self.sources[number].read(place)
        return SetPair(
            image=resize_bicubic(image, self.size),
            mask=resize_bicubic(mask, self.size),
            outline=measured(mask),
            set_number=number,
            place=place,
        )


def measured(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return a mask as it is measured: its longer side brought to `MEASURED_SIDE`, then binary.

    Sets of different resolutions could not be compared otherwise.

    Args:
        mask: ``(H, W)`` uint8 coverage.
    """
    height, width = mask.shape
    scale = MEASURED_SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask, size, interpolation=method) >= _HALF)


def collate_pairs(pairs: Sequence[SetPair]) -> PairBatch:
    """Stack at least one pair."""
    return PairBatch(
        images=torch.stack([pair.image for pair in pairs]),
        masks=torch.stack([pair.mask for pair in pairs]),
        outlines=[pair.outline for pair in pairs],
        places=torch.tensor([(pair.set_number, pair.place) for pair in pairs]),
    )


def origin_of(source: PairSource) -> str:
    """Return where a set is from, for the report."""
    if isinstance(source, FolderPairs | ShardPairs):
        return str(source.root)
    return type(source).__name__


def _source(given: str | PairSource) -> PairSource:
    if not isinstance(given, str):
        return given
    return ShardPairs(given) if (Path(given) / SHARDS).is_dir() else FolderPairs(given)
