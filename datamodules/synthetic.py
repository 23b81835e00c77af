"""A generated set, finished or stopped, as pairs to train on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from datamodules.folder import PairFiles
from datamodules.held_out import held_out_of
from datamodules.mixture_member import MixtureMember
from datamodules.pairs import Pairs
from datamodules.problems import DatasetError, Problem
from datamodules.sample import Sample, View
from datamodules.set_leaks import made_of_held_out, showing_held_out
from datamodules.shard_index import index_of, rejected_later
from datamodules.shards import ShardReader
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


@dataclass(frozen=True, slots=True)
class GeneratedPair:
    """A pair of a set."""

    id: str
    shard: str
    """Its name."""
    place: int
    """In the shard."""


class GeneratedPairs:
    """Pairs of a set's published shards.

    Args:
        root: Folder of the set.
        pairs: Those that are wanted, as `find_generated` returns them.
        size: (height, width) of the training views.
        transform: For training.

    Raises:
        DatasetError: If there is no pair.
    """

    def __init__(
        self,
        root: Path,
        pairs: Sequence[GeneratedPair],
        *,
        size: tuple[int, int],
        transform: JointTransform | None = None,
    ) -> None:
        if not pairs:
            raise DatasetError(f"{root} holds no published pair that was not rejected")
        self.root = root
        self.pairs = pairs
        self.ids = [pair.id for pair in pairs]
        self._views = Pairs([], size=size, transform=transform)

    def __len__(self) -> int:
        return len(self.pairs)

    def sample(self, index: int) -> Sample:
        """Return a pair as it was made.

        Raises:
            DecodeError: If it is broken.
        """
        pair = self.pairs[index]
        return shard_reader(self.root, pair.shard).sample(pair.place)

    def training_view(self, index: int, seed: int) -> View:
        """Return a pair as training sees it, a function of `index` and `seed` alone.

        Raises:
            DecodeError: If it is broken.
        """
        sample = self.sample(index)
        return self._views.view_of(sample, (sample.mask.shape[0], sample.mask.shape[1]), seed)


def find_all_generated(
    members: Sequence[GeneratedSet],
    held_out: Mapping[str, Sequence[PairFiles]],
    *,
    void: int | None,
    memory: Path | None,
    progress: bool,
) -> tuple[list[list[GeneratedPair]], list[Problem]]:
    """Return the good pairs of each set, and what is wrong with others; see `find_generated`.

    Raises:
        ValueError: If a folder is no generated set.
        DecodeError: If an image is broken.
    """
    found = [
        find_generated(m.root, held_out, void=void, memory=memory, progress=progress)
        for m in members
    ]
    return [pairs for pairs, _ in found], [problem for _, some in found for problem in some]


def find_generated(
    root: Path,
    held_out: Mapping[str, Sequence[PairFiles]],
    *,
    void: int | None,
    memory: Path | None,
    progress: bool,
) -> tuple[list[GeneratedPair], list[Problem]]:
    """Find the pairs of a set that may be trained on; shards that appear later are none of them.

    Args:
        root: Folder of the set.
        held_out: Name of each evaluation split and its pairs.
        void: Of these, see `check_pairs`.
        memory: See `showing_held_out`.
        progress: Whether to show a progress bar.

    Returns:
        The pairs that neither leak nor were rejected, and what is wrong with those that leak; a
        pair that was rejected is no problem.

    Raises:
        ValueError: If `root` is no generated set.
        DecodeError: If an image of the set is broken.
    """
    # before the checks, so that they have seen all of it, however the set grows
    index, rejected = index_of(root), rejected_later(root)
    leaked = showing_held_out(root, held_out, void=void, memory=memory, progress=progress)
    leaked |= made_of_held_out(root, [shard.id for shard in index.shards], held_out_of(held_out))
    pairs = [
        GeneratedPair(id, shard, place)
        for id, (shard, place) in index.places.items()
        if id not in rejected and id not in leaked
    ]
    return pairs, [problem for id, problem in leaked.items() if id not in rejected]


@lru_cache(maxsize=_OPEN_SHARDS)
def shard_reader(root: Path, shard: str) -> ShardReader:
    """Return the reader of a shard, the same while it is among the latest 64 of this process."""
    return ShardReader(root, shard)
