"""Which pairs of a generated set a validation or test photo has gone into."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from datamodules.check import photo_thumbnails
from datamodules.folder import PairFiles
from datamodules.held_out import HeldOut
from datamodules.problems import Problem, ProblemKind
from datamodules.same_photo import SIDE, find_same_photos
from datamodules.set_thumbnails import set_thumbnails
from datamodules.shards import SHARDS, ShardReader


def made_of_held_out(root: Path, shards: Sequence[str], held_out: HeldOut) -> dict[str, Problem]:
    """Return the pairs of some shards that a validation or test photo has gone into, by their ids.

    Looks at names: of the parents, or of the pair where it has none, see `HeldOut.sources`.

    Args:
        root: Folder of the set.
        shards: Their names.
        held_out: The photos of all evaluation splits.

    Raises:
        OSError: If the record of a shard cannot be read.
    """
    found = {}
    for shard in shards:
        reader = ShardReader(root, shard)
        for id, pair in zip(reader.ids, reader.pairs, strict=True):
            sources = held_out.sources(id, parents_of(pair))
            if sources:
                found[id] = Problem(
                    kind=ProblemKind.SAME_PHOTO,
                    id=id,
                    path=root / SHARDS / shard,
                    message=f"{id} was made from {held_out.told(sources)}",
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
