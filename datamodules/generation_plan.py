"""The plan of a generation run: which pairs are made, under which ids, in which shards.

It is a function of the recipe and the keys alone, is written before anything else and never
changes, so a run may be killed and resumed, and shared among any number of processes.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b, sha256
from pathlib import Path

from datamodules.atomic import sync_folder, write_atomically
from datamodules.json_value import Json, canonical, leaves
from datamodules.seeds import seed_for

PLAN = "plan.json"
_FORMAT = 1
_ANEW = "put back a copy of it, or make the set anew"
_NUM_DIGITS = 12
_MOST_NAMED = 4  # changes that fit into one line
Recipe = dict[str, Json]
"""All that decides the pixels: model, source, seed, sizes of batch and shard; never a place."""


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One pair that is to be made."""

    id: str
    """``<name>~<12 hex digits>``: name of the photo or scene, hash of recipe and key."""
    key: str
    """What it is made of, see `datamodules.draft_source.DraftSource.keys`."""
    seed: int
    """Of every choice and of all noise: a hash of the root seed and the id."""


@dataclass(frozen=True, slots=True)
class PlanShard:
    """Consecutive pairs that are published together."""

    id: str
    """Place in the plan and hash of the pairs' ids; the name of its folder."""
    items: tuple[PlanItem, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All pairs of a run.

    Args:
        recipe: All that decides the pixels.
        keys: Of the pairs, in their order.
        shard_size: Pairs in a shard; the last one may have fewer.
        seed: Root of all randomness.

    Raises:
        ValueError: If there is no key, one comes twice or names nothing, or `shard_size` is below
            1.

    Example:
        >>> plan = Plan(recipe={}, keys=("chair~0", "chair~1", "fan~0"), shard_size=2, seed=0)
        >>> [len(shard.items) for shard in plan.shards]
        [2, 1]
    """

    recipe: Recipe
    keys: tuple[str, ...]
    shard_size: int
    seed: int

    def __post_init__(self) -> None:
        if self.shard_size < 1:
            raise ValueError(f"shard_size is {self.shard_size}: give 1 or more")
        if not self.keys:
            raise ValueError("nothing to make: the source lists no pair, raise its number of pairs")
        (twice, times), *_ = Counter(self.keys).most_common(1)
        if times > 1:
            raise ValueError(f"the source lists {twice!r} twice: each key must be another one")

    @cached_property
    def recipe_hash(self) -> str:
        """Sha256 of the recipe, what every sample's ``provenance.config`` holds."""
        whole: Json = [self.recipe, self.seed, self.shard_size]
        return sha256(canonical(whole).encode()).hexdigest()

    @cached_property
    def shards(self) -> tuple[PlanShard, ...]:
        """The shards, in the order of the plan."""
        items = [self._item(key) for key in self.keys]
        parts = [items[k : k + self.shard_size] for k in range(0, len(items), self.shard_size)]
        return tuple(_shard(number, part) for number, part in enumerate(parts))

    @cached_property
    def digest(self) -> str:
        """Sha256 over all ids: equal for equal plans."""
        return sha256(canonical([shard.id for shard in self.shards]).encode()).hexdigest()

    def _item(self, key: str) -> PlanItem:
        name = key.rpartition("~")[0].rpartition("/")[2]
        if not name:
            raise ValueError(f"key {key!r} must be <name>~<which>")
        digits = blake2b(f"{self.recipe_hash}|{key}".encode(), digest_size=_NUM_DIGITS // 2)
        id = f"{name}~{digits.hexdigest()}"
        return PlanItem(id=id, key=key, seed=seed_for(self.seed, id))


def write_plan(folder: Path, plan: Plan) -> None:
    """Write the plan, or see that the one which stands there is the same.

    Raises:
        ValueError: If the folder was begun with another recipe, or there is no plan and the folder
            is not free.
        OSError: If it cannot be written.
    """
    if (folder / PLAN).is_file():
        require_same(folder, plan)
        return
    require_free(folder)
    content: dict[str, Json] = {
        "format": _FORMAT,
        "digest": plan.digest,
        "seed": plan.seed,
        "shard_size": plan.shard_size,
        "recipe": plan.recipe,
        "keys": list(plan.keys),
    }
    write_atomically(folder / PLAN, json.dumps(content, indent=1).encode())
    sync_folder(folder)  # before any shard: shards without a plan could never be resumed


def require_free(folder: Path) -> None:
    """See that a folder in which no set was begun holds nothing else; hidden files do not count.

    Raises:
        ValueError: If it does: a set among photos would be taken for theirs, and deleted with it.
        OSError: If it is no folder.
    """
    if not folder.exists():
        return
    if (folder / "shards").is_dir():
        raise ValueError(f"{folder} holds shards but no {PLAN}: give --data.folder another folder")
    names = (path.name for path in folder.iterdir() if not path.name.startswith("."))
    # another start may be writing the plan at this moment
    others = sorted(name for name in names if not name.startswith(PLAN))
    if others:
        shown = ", ".join(others[:_MOST_NAMED]) + (", ..." if len(others) > _MOST_NAMED else "")
        raise ValueError(
            f"{folder} holds something else than a set ({shown}): give --data.folder a new folder"
        )


def read_plan(folder: Path) -> Plan:
    """Return the plan of a set.

    Raises:
        ValueError: If there is none, or it is broken, of another version or changed by hand.
    """
    path = folder / PLAN
    if not path.is_file():
        raise ValueError(f"{folder} holds no {PLAN}: give the folder of a generated set")
    try:
        content = json.loads(path.read_bytes())
        found = content["format"]
        plan = None
        if found == _FORMAT:
            plan = Plan(
                recipe=content["recipe"],
                keys=tuple(content["keys"]),
                shard_size=content["shard_size"],
                seed=content["seed"],
            )
            is_whole = plan.digest == content["digest"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is broken ({error!r}): {_ANEW}") from error
    if plan is None:
        raise ValueError(f"{path} has format {found}, this version reads {_FORMAT}")
    if not is_whole:
        raise ValueError(f"{path} was changed after it had been written: {_ANEW}")
    return plan


def require_same(folder: Path, plan: Plan) -> None:
    """See that a folder was begun with this plan.

    Raises:
        ValueError: If with another one; the line names what differs.
    """
    before = read_plan(folder)
    if before.digest == plan.digest:
        return
    old, new = _leaves(before), _leaves(plan)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    shown = [f"{name} ({_short(old, name)}, now {_short(new, name)})" for name in names]
    more = f" and {len(shown) - _MOST_NAMED} more" if len(shown) > _MOST_NAMED else ""
    what = ", ".join(shown[:_MOST_NAMED]) or "list of keys"
    raise ValueError(
        f"{folder} was begun with another {what}{more}: undo the change, or give --data.folder "
        "another folder"
    )


def _leaves(plan: Plan) -> dict[str, Json]:
    return leaves({**plan.recipe, "seed": plan.seed, "shard_size": plan.shard_size})


def _short(values: dict[str, Json], name: str) -> str:
    text = canonical(values[name]).strip('"') if name in values else "none"
    return text if len(text) <= 24 else f"{text[:12]}..."


def _shard(number: int, items: Sequence[PlanItem]) -> PlanShard:
    ids = "|".join(item.id for item in items).encode()
    name = blake2b(ids, digest_size=_NUM_DIGITS // 2).hexdigest()
    return PlanShard(id=f"{number:06d}-{name}", items=tuple(items))
