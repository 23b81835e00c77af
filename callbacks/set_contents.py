"""What of a generated set is given on: the pairs that nobody has rejected."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from callbacks.set_records import SetRecords
from datamodules.decode import DecodeError
from datamodules.json_value import Json, canonical
from datamodules.shard_index import reject_lists, rejected_later
from datamodules.shards import TAR, ShardReader

BY_HAND = "rejected_by_hand"
"""Name of the list that a person makes on the set's page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPair:
    """A pair of a set that is given on."""

    number: int
    """Among all that are kept, from 0."""
    shard: str
    record: dict[str, Json]
    """Of the done record, its places in the tar among the rest."""

    @property
    def id(self) -> str:
        """Unique in the set."""
        return str(self.record["id"])

    @property
    def files(self) -> dict[str, tuple[int, int]]:
        """Places in the shard's tar, by a file's name such as ``mask.png``."""
        return self.record["files"]  # type: ignore[return-value]  # as it was published

    @property
    def provenance(self) -> Mapping[str, Json]:
        """Source, parents, licence and all else of `datamodules.sample.Provenance`."""
        return self.record["provenance"]  # type: ignore[return-value]  # as above

    @property
    def licence(self) -> str:
        """The strictest of parents and models."""
        return str(self.provenance["licence"])


def kept_pairs(found: SetRecords) -> list[KeptPair]:
    """Return the pairs of all published shards without those of ``rejected*.txt``."""
    unwanted = rejected_later(found.folder)
    kept: list[KeptPair] = []
    for shard, reader in found.shards.items():
        for record in reader.pairs:
            if record["id"] not in unwanted:
                kept.append(KeptPair(number=len(kept), shard=shard, record=record))
    return kept


def rejections_by_list(folder: Path, ids: Collection[str]) -> dict[str, int]:
    """Return how many of some pairs each reject list names, by list and reason."""
    return dict(
        Counter(
            f"{name}: {reason}" if reason else name
            for name, rows in reject_lists(folder).items()
            for id, reason in rows.items()
            if id in ids
        )
    )


def content_digest(pairs: Collection[KeptPair], checksums: Mapping[str, str]) -> str:
    """Return sha256 over what the pairs are and hold: equal for equal exports.

    Args:
        pairs: In their order.
        checksums: Of the shards' tars.
    """
    whole: Json = [[pair.id, checksums[pair.shard]] for pair in pairs]
    return sha256(canonical(whole).encode()).hexdigest()


def read_shard(shard: ShardReader) -> bytes:
    """Return the tar of a shard.

    Raises:
        DecodeError: If it is not what was published.
    """
    path = shard.folder / TAR
    data = path.read_bytes()
    if sha256(data).hexdigest() != shard.done["sha256"]:
        raise DecodeError(
            f"{path} has changed since it was written: python -m train verify {path.parents[2]} "
            "tells more"
        )
    return data
