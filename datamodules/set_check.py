"""Whether a generated set on disk is whole: every checksum, count, id, pair and the index."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from datamodules.generation_plan import Plan, PlanShard, read_plan
from datamodules.json_value import Json
from datamodules.parallel import map_in_threads
from datamodules.shard_content import pair_faults
from datamodules.shard_index import INDEX, content_of, index_of, rejected_later
from datamodules.shards import DONE, FORMAT, SHARDS, TAR, published_shards

AGAIN = (
    "remove the shard's folder and run the same predict command again: it makes it anew (trainings "
    "that draw from the set as a pool stop meanwhile)"
)
_FIELDS: Mapping[str, type] = {
    "format": int,
    "shard": str,
    "plan": str,
    "sha256": str,
    "bytes": int,
    "num_pairs": int,
    "num_rejected": int,
    "pairs": list,
    "rejected": list,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong with a set."""

    shard: str = ""
    """Its name; empty where the whole set is meant."""
    pair: str = ""
    """Id of the pair; empty where the whole shard is meant."""
    what: str
    cure: str

    def __str__(self) -> str:
        place = [part for part in (self.shard, self.pair) if part] or ["the set"]
        return f"{', '.join(place)}: {self.what}; {self.cure}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCheck:
    """What was found of a set."""

    faults: tuple[Fault, ...]
    num_shards: int
    """That are published."""
    num_pairs: int
    """In them."""
    missing: tuple[str, ...]
    """Shards of the plan that are not published: a run that has not ended, no fault."""
    num_missing: int
    """Pairs of the plan in `missing`."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong and nothing is missing."""
        return not self.faults and not self.missing


def check_set(folder: Path, *, progress: bool = False) -> SetCheck:
    """Read all of a set, on all cores.

    Every tar has the checksum and the size of its done record, every pair opens with planes of one
    size, the tar's own records are those of the done record, every id is the plan's and comes
    once, the index is the one that follows from the shards, and reject lists name pairs of the set.

    Args:
        folder: Of the set.
        progress: Whether to show a bar.

    Raises:
        ValueError: If `folder` is no generated set or its plan is broken.
    """
    plan = read_plan(folder)
    names = published_shards(folder)
    planned = {shard.id: shard for shard in plan.shards}
    check = partial(_shard_faults, folder, plan, planned)
    each = map_in_threads(check, names, title="Shards", progress=progress)
    faults = [fault for found, _ in each for fault in found]
    missing = [shard for shard in plan.shards if shard.id not in set(names)]
    if all(_record(folder, name) is not None for name in names):  # else there is no index of it
        faults += _index_faults(folder, is_finished=not missing)
    return SetCheck(
        faults=tuple(faults),
        num_shards=len(names),
        num_pairs=sum(num_pairs for _, num_pairs in each),
        missing=tuple(shard.id for shard in missing),
        num_missing=sum(len(shard.items) for shard in missing),
    )


def _shard_faults(
    folder: Path, plan: Plan, planned: Mapping[str, PlanShard], name: str
) -> tuple[list[Fault], int]:
    """Return what is wrong with a shard, and the number of its pairs."""
    if name not in planned:
        cure = "remove it from the set's folder" if "-" in name else "remove it: it is no shard"
        return [Fault(shard=name, what="it is not in the plan", cure=cure)], 0
    done = _record(folder, name)
    if done is None:
        return [Fault(shard=name, what=f"{DONE} is missing or broken", cure=AGAIN)], 0
    pairs: list[dict[str, Json]] = done["pairs"]  # type: ignore[assignment]  # as `_record` saw
    found = _record_faults(done, planned[name], plan.digest)
    try:
        tar = (folder / SHARDS / name / TAR).read_bytes()
    except OSError as error:
        found.append(f"{TAR} cannot be read ({error.strerror})")
        return [Fault(shard=name, what=what, cure=AGAIN) for what in found], len(pairs)
    if len(tar) != done["bytes"]:
        found.append(f"{TAR} has {len(tar):,} bytes, not the {done['bytes']:,} of {DONE}")
    elif sha256(tar).hexdigest() != done["sha256"]:
        found.append(f"the checksum of {TAR} is not that of {DONE}")
    broken = pair_faults(tar, pairs)
    return [
        *(Fault(shard=name, what=what, cure=AGAIN) for what in found),
        *(Fault(shard=name, pair=id, what=what, cure=AGAIN) for id, what in broken),
    ], len(pairs)


def _record(folder: Path, name: str) -> dict[str, Json] | None:
    """Return a done record that has all fields; None for anything else."""
    try:
        done = json.loads((folder / SHARDS / name / DONE).read_bytes())
    except (OSError, ValueError):  # what is no JSON, and no text, is a ValueError
        return None
    whole = isinstance(done, dict) and all(
        isinstance(done.get(field), kind) for field, kind in _FIELDS.items()
    )
    if not whole or done["format"] != FORMAT:
        return None
    has_ids = all(
        isinstance(each, dict) and isinstance(each.get("id"), str)
        for each in [*done["pairs"], *done["rejected"]]
    )
    has_reasons = has_ids and all({"filter", "reason"} <= each.keys() for each in done["rejected"])
    return done if has_reasons else None


def _record_faults(done: Mapping[str, Json], planned: PlanShard, digest: str) -> list[str]:
    pairs, rejected = done["pairs"], done["rejected"]
    assert isinstance(pairs, list)
    assert isinstance(rejected, list)
    found = []
    if done["plan"] != digest:
        found.append("it was made for another plan")
    if done["shard"] != planned.id:
        found.append(f"{DONE} is that of shard {done['shard']}")
    for name, listed in (("num_pairs", pairs), ("num_rejected", rejected)):
        if done[name] != len(listed):
            found.append(f"{DONE} says {name} {done[name]}, and lists {len(listed)}")
    ids = [str(each["id"]) for each in [*pairs, *rejected] if isinstance(each, dict)]
    return found + _id_faults(ids, [item.id for item in planned.items])


def _id_faults(ids: Sequence[str], planned: Sequence[str]) -> list[str]:
    times = Counter(ids)
    return [
        *(f"{id} comes {number} times" for id, number in times.items() if number > 1),
        *(f"{id} is not in the plan of this shard" for id in times.keys() - set(planned)),
        *(f"{id} of the plan is neither kept nor rejected" for id in planned if id not in times),
    ]


def _index_faults(folder: Path, *, is_finished: bool) -> list[Fault]:
    index = index_of(folder)
    cure = "run the same predict command again: it writes the index anew"
    faults = []
    try:
        content = json.loads((folder / INDEX).read_bytes())
    except FileNotFoundError:
        if is_finished:
            faults.append(Fault(what=f"there is no {INDEX}", cure=cure))
    except ValueError:
        faults.append(Fault(what=f"{INDEX} is broken", cure=cure))
    else:
        if content != content_of(index):
            faults.append(Fault(what=f"{INDEX} is not that of the shards", cure=cure))
    strange = sorted(rejected_later(folder) - index.places.keys())
    cure = "take its line out of rejected*.txt, or mend the id"
    return faults + [
        Fault(pair=id, what="it is on a reject list and not in the set", cure=cure)
        for id in (strange if is_finished else ())
    ]
