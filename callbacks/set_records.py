"""All done records of a generated set, each read once: of a large set they are hundreds of MB."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from datamodules.generation_plan import Plan, read_plan
from datamodules.shards import ShardReader, published_shards


@dataclass(frozen=True, kw_only=True, eq=False)
class SetRecords:
    """What stands in a set's folder, without its pixels."""

    folder: Path
    plan: Plan
    shards: Mapping[str, ShardReader]
    """By name, in the order of the plan; their records are in memory."""

    @cached_property
    def ids(self) -> frozenset[str]:
        """Of all pairs."""
        return frozenset(id for shard in self.shards.values() for id in shard.ids)


def read_set(folder: Path) -> SetRecords:
    """Read the plan of a set and the records of all its shards.

    Raises:
        ValueError: If `folder` is no generated set, or a record is broken.
        OSError: If a shard cannot be read; the line names it.
    """
    plan = read_plan(folder)
    shards = {name: _read(ShardReader(folder, name)) for name in published_shards(folder)}
    return SetRecords(folder=folder, plan=plan, shards=shards)


def _read(shard: ShardReader) -> ShardReader:
    try:
        _ = shard.done
    except OSError as error:
        raise OSError(
            f"{shard.folder} cannot be read as a shard ({error.strerror}): python -m train verify "
            f"{shard.folder.parents[1]} tells more"
        ) from error
    return shard
