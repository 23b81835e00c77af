"""The index of a set: which pair lies where, derived from the published shards alone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from datamodules.atomic import write_atomically
from datamodules.generation_plan import read_plan
from datamodules.json_value import Json, canonical
from datamodules.shards import SHARDS, ShardReader, published_shards

INDEX = "index.json"
REJECT_LISTS = "rejected*.txt"
"""Files beside the shards, each a list of pairs that readers leave out."""


@dataclass(frozen=True, kw_only=True)
class IndexedShard:
    """What the index keeps of a shard."""

    id: str
    sha256: str
    """Of its tar."""
    ids: tuple[str, ...]
    """Of its pairs, in their places."""
    rejected: tuple[tuple[str, str, str], ...]
    """(id, filter, reason) of those that were not kept when it was made."""


@dataclass(frozen=True, kw_only=True)
class Index:
    """All pairs of a set and their places."""

    plan: str
    """Digest of the plan."""
    shards: tuple[IndexedShard, ...]

    @cached_property
    def places(self) -> dict[str, tuple[str, int]]:
        """(shard, place in it) of each pair by its id."""
        return {
            id: (shard.id, place) for shard in self.shards for place, id in enumerate(shard.ids)
        }

    @cached_property
    def digest(self) -> str:
        """Sha256 over the plan, all bytes of pairs and all rejections.

        Times, hardware, versions and the number of processes are no part of it.
        """
        whole: Json = [self.plan, [_as_json(shard) for shard in self.shards]]
        return sha256(canonical(whole).encode()).hexdigest()


def index_of(folder: Path) -> Index:
    """Return the index of what is published, whatever ``index.json`` says.

    Raises:
        ValueError: If `folder` is no generated set.
    """
    return _index(folder, published_shards(folder))


def write_index(folder: Path) -> Index:
    """Write ``index.json`` for other tools and return the index.

    Several processes may call this at once: whoever writes looks again whether shards have
    appeared meanwhile, so that the last file holds all.

    Raises:
        ValueError: If `folder` is no generated set, or a shard does not bear its own name.
        OSError: If a shard cannot be read or the file not written.
    """
    while True:
        names = published_shards(folder)
        index = _index(folder, names)
        for name, shard in zip(names, index.shards, strict=True):
            if name != shard.id:
                raise ValueError(
                    f"{folder / SHARDS / name} holds shard {shard.id}: a copy or a renamed one; "
                    f"move it out of {SHARDS}, or give it its name again"
                )
        write_atomically(folder / INDEX, json.dumps(content_of(index), indent=1).encode())
        if published_shards(folder) == names:
            return index


def content_of(index: Index) -> dict[str, Json]:
    """Return what ``index.json`` holds."""
    return {
        "format": 1,
        "digest": index.digest,
        "plan": index.plan,
        "num_pairs": len(index.places),
        "shards": [_as_json(shard) for shard in index.shards],
    }


def rejected_later(folder: Path) -> set[str]:
    """Return the ids of all ``rejected*.txt`` of a set.

    Raises:
        ValueError: If a list is no text in UTF-8.
    """
    return {id for rows in reject_lists(folder).values() for id in rows}


def reject_lists(folder: Path) -> dict[str, dict[str, str]]:
    """Return the reason of each id, by the name of the list that it stands on.

    A list holds one id a line; after a tab, the reason.

    Raises:
        ValueError: If a list is no text in UTF-8.
    """
    found: dict[str, dict[str, str]] = {}
    for path in sorted(folder.glob(REJECT_LISTS)):
        try:
            text = path.read_text("utf-8-sig")  # some editors put a mark before the first id
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is no text in UTF-8: save it in that encoding") from error
        rows = [line.partition("\t") for line in text.splitlines()]
        found[path.stem] = {
            id.strip(): rest.partition("\t")[0].strip() for id, _, rest in rows if id.strip()
        }
    return found


def _index(folder: Path, names: Sequence[str]) -> Index:
    shards = [_indexed(ShardReader(folder, name)) for name in names]
    return Index(plan=read_plan(folder).digest, shards=tuple(shards))


def _indexed(reader: ShardReader) -> IndexedShard:
    done = reader.done
    rejected: list[dict[str, str]] = done["rejected"]  # type: ignore[assignment]  # as published
    return IndexedShard(
        id=str(done["shard"]),
        sha256=str(done["sha256"]),
        ids=reader.ids,
        rejected=tuple((each["id"], each["filter"], each["reason"]) for each in rejected),
    )


def _as_json(shard: IndexedShard) -> dict[str, Json]:
    return {
        "id": shard.id,
        "sha256": shard.sha256,
        "pairs": list(shard.ids),
        "rejected": [list(each) for each in shard.rejected],
    }
