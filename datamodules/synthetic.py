"""A generated set, finished or stopped, as pairs to train on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from datamodules.folder import PairFiles
from datamodules.mixture_member import MixtureMember
from datamodules.mixture_ready import EDITED
from datamodules.pairs import Pairs
from datamodules.problems import DatasetError, Problem, ProblemKind
from datamodules.sample import Sample, View
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


def made_of_held_out(root: Path, held_out: Mapping[str, Sequence[PairFiles]]) -> dict[str, Problem]:
    """Return the pairs of a set that a validation or test photo has gone into, by their ids.

    Looks at names: the pair's own before the ``~``, and its parents'.

    Args:
        root: Folder of the set.
        held_out: Name of each evaluation split and its pairs.
    """
    splits = held_out_names(held_out)
    index, found = index_of(root), {}
    for shard in index.shards:
        reader = ShardReader(root, shard.id)
        for id, pair in zip(shard.ids, reader.pairs, strict=True):
            for source in held_out_sources(id, pair, splits):
                found[id] = Problem(
                    kind=ProblemKind.SAME_PHOTO,
                    id=id,
                    path=root / SHARDS / shard.id,
                    message=f"it was made from {source}, which is in {splits[source]}",
                    cure="make the set anew: only training pairs may be edited",
                )
    return found


def held_out_names(held_out: Mapping[str, Sequence[PairFiles]]) -> dict[str, str]:
    """Return the split of each validation and test photo by its name."""
    return {pair.image.stem: name for name, pairs in held_out.items() for pair in pairs}


def held_out_sources(id: str, pair: Mapping[str, object], names: Collection[str]) -> set[str]:
    """Return the names of held-out photos that a pair was made from.

    Args:
        id: Of the pair.
        pair: What its shard says of it.
        names: Of all that is held out.
    """
    return {id.split(EDITED)[0], *_parents(pair)}.intersection(names)


@lru_cache(maxsize=_OPEN_SHARDS)
def shard_reader(root: Path, shard: str) -> ShardReader:
    """Return the reader of a shard, the same while it is among the latest 64 of this process."""
    return ShardReader(root, shard)


def _parents(pair: Mapping[str, object]) -> list[str]:
    provenance = pair["provenance"]
    assert isinstance(provenance, dict)
    return [str(parent).rpartition("/")[2] for parent in provenance["parents"]]
