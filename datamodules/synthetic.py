"""A generated set, finished or stopped, as pairs to train on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from datamodules.check import photo_thumbnails
from datamodules.folder import PairFiles
from datamodules.held_out import HeldOut
from datamodules.mixture_member import MixtureMember
from datamodules.pairs import Pairs
from datamodules.problems import DatasetError, Problem, ProblemKind
from datamodules.same_photo import SIDE, find_same_photos
from datamodules.sample import Sample, View
from datamodules.set_thumbnails import set_thumbnails
from datamodules.shard_index import index_of, rejected_later
from datamodules.shards import SHARDS, ShardReader
from datamodules.transforms import JointTransform

_OPEN_SHARDS = 64  # done records in memory of each process; one of 64 pairs takes about 200 kB


@dataclass(frozen=True, kw_only=True)
class GeneratedSet(MixtureMember):
    """A set of shards as a member of a mixture.

    Args:
        root: Folder that ``predict`` has left.
        weight: How often its pairs are drawn, relative to 1 for pairs made on the fly.

    Raises:
        ValueError: If the weight is not above 0.
    """


class GeneratedPairs:
    """The pairs of a set's published shards, without those that were rejected later.

    Args:
        root: Folder of the set.
        left_out: Ids that are not wanted, besides those in its ``rejected*.txt``.
        size: (height, width) of the training views.
        transform: For training.

    Raises:
        ValueError: If `root` is no generated set.
        DatasetError: If no pair is left.
    """

    def __init__(
        self,
        root: Path,
        *,
        left_out: Collection[str] = (),
        size: tuple[int, int],
        transform: JointTransform | None = None,
    ) -> None:
        self.root = root
        unwanted = rejected_later(root).union(left_out)
        self._places = [
            (id, *place) for id, place in index_of(root).places.items() if id not in unwanted
        ]
        if not self._places:
            raise DatasetError(f"{root} holds no published pair that was not rejected")
        self.ids = [id for id, _, _ in self._places]
        self._views = Pairs([], size=size, transform=transform)

    def __len__(self) -> int:
        return len(self._places)

    def sample(self, index: int) -> Sample:
        """Return a pair as it was made.

        Raises:
            DecodeError: If it is broken.
        """
        _, shard, place = self._places[index]
        return shard_reader(self.root, shard).sample(place)

    def training_view(self, index: int, seed: int) -> View:
        """Return a pair as training sees it, a function of `index` and `seed` alone.

        Raises:
            DecodeError: If it is broken.
        """
        sample = self.sample(index)
        return self._views.view_of(sample, (sample.mask.shape[0], sample.mask.shape[1]), seed)


def made_of_held_out(root: Path, held_out: HeldOut) -> dict[str, Problem]:
    """Return the pairs of a set that a validation or test photo has gone into, by their ids.

    Looks at names: of the parents, or of the pair where it has none, see `HeldOut.sources`.

    Args:
        root: Folder of the set.
        held_out: The photos of all evaluation splits.
    """
    index, found = index_of(root), {}
    for shard in index.shards:
        reader = ShardReader(root, shard.id)
        for id, pair in zip(shard.ids, reader.pairs, strict=True):
            for source in held_out.sources(id, parents_of(pair)):
                found[id] = Problem(
                    kind=ProblemKind.SAME_PHOTO,
                    id=id,
                    path=root / SHARDS / shard.id,
                    message=f"{id} was made from {source}, which is in {held_out.splits[source]}",
                    cure="make the set anew: only training pairs may be edited",
                )
    return found


def showing_held_out(
    root: Path,
    held_out: Mapping[str, Sequence[PairFiles]],
    *,
    void: int | None,
    memory: Path | None,
    progress: bool,
) -> dict[str, Problem]:
    """Return the pairs of a set that show a whole validation or test photo, by their ids.

    Looks at pixels, see `datamodules.same_photo`: a copy is found whatever its name, size and
    quality. Not found, for want of time at a start, are edits and parts of a photo of another name:
    ``python -m train audit`` finds most of them.

    Args:
        root: Folder of the set.
        held_out: Name of each evaluation split and its pairs.
        void: Of these, see `check_pairs`.
        memory: File of their findings, see `check_pairs`; those of the set lie in a folder beside.
        progress: Whether to show a progress bar.

    Raises:
        DecodeError: If an image of the set is broken.
    """
    beside = None if memory is None else memory.parent / "set_thumbnails"
    pairs = set_thumbnails(root, memory=beside, progress=progress)
    images = np.array([small for _, _, small in pairs], np.uint8).reshape(-1, SIDE, SIDE)
    found = {}
    for name, files in held_out.items():
        photos, thumbnails = photo_thumbnails(files, void=void, memory=memory)
        for i, j in find_same_photos(thumbnails, images):
            shard, id, _ = pairs[j]
            found[id] = Problem(
                kind=ProblemKind.SAME_PHOTO,
                id=id,
                path=root / SHARDS / shard,
                message=f"{id} shows the same as {photos[i].image} in {name}",
                cure="make the set anew: only training pairs may be edited",
            )
    return found


def parents_of(pair: Mapping[str, object]) -> list[str]:
    """Return the ids that a pair was made from, given what its shard or its export says of it."""
    provenance = pair["provenance"]
    assert isinstance(provenance, dict)
    return [str(parent) for parent in provenance["parents"]]


@lru_cache(maxsize=_OPEN_SHARDS)
def shard_reader(root: Path, shard: str) -> ShardReader:
    """Return the reader of a shard, the same while it is among the latest 64 of this process."""
    return ShardReader(root, shard)
