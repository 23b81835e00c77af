"""Write a set in a layout of other programs: whole or not there, and with its card."""

import json
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import track

from callbacks.contact_sheet import contact_sheet
from callbacks.export_layouts import Layout, left_out
from callbacks.generation_summary import SHEET, summary
from callbacks.set_card import CardContent, card
from callbacks.set_contents import (
    KeptPair,
    content_digest,
    kept_pairs,
    read_shard,
    rejections_by_list,
)
from callbacks.set_records import SetRecords, read_set
from datamodules.atomic import TEMPORARY, write_atomically
from datamodules.json_value import Json
from datamodules.licence import asks_for_credit, objection
from datamodules.shard_index import rejected_later

IDENTITY, CARD = ".export.json", "README.md"  # hidden: programs take JSON files for data
_MOST_NAMED = 3  # pairs that fit into one line


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What lets a set be given on."""

    credits: Mapping[str, str]
    """Whom pairs must name, by the source in their provenance."""
    more_credits: tuple[str, ...] = ()
    """Of all other pairs whose licence asks for it."""
    licence_checked: str = ""
    """Why somebody has found that a set may be given on although a licence speaks against it."""


def export_set(folder: Path, out: Path, layout: Layout, *, rights: Rights, progress: bool) -> bool:
    """Export the pairs of a set that nobody has rejected.

    What is written lies beside `out` in ``.<name>.partial`` until all of it is there; a second call
    goes on from it.

    Args:
        folder: Of the set.
        out: Where the export appears; of a link, its target.
        layout: Where its files go.
        rights: To give the pairs on.
        progress: Whether to show a bar.

    Returns:
        Whether it was written; False where the same export stands already.

    Raises:
        ValueError: If a pair may not be given on, or the layout cannot hold it, or `out` holds
            something else, or there is no pair.
        OSError: If it cannot be written; what is written stays for the next call.
    """
    out = out.resolve()
    found = read_set(folder)
    pairs = kept_pairs(found)
    if not pairs:
        raise ValueError(f"{folder} holds no published pair that was not rejected")
    layout.check(pairs)
    _require_rights(folder, pairs, rights)
    checksums = {name: str(shard.done["sha256"]) for name, shard in found.shards.items()}
    digest = content_digest(pairs, checksums)
    identity: dict[str, Json] = {
        "layout": layout.name,
        "sha256": digest,
        "num_pairs": len(pairs),
        "licence_checked": rights.licence_checked,
        "credits": list(rights.more_credits),
    }
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        before = _identity(out)
        if before == identity:
            return False
        what = "something else" if before is None else "another export"
        raise ValueError(f"{out} holds {what}: give a place that does not exist yet")
    staging = out.with_name(f".{out.name}.partial")
    _begin(staging, identity)
    parts = list(_parts(pairs, layout.part_bytes))
    shown = track(enumerate(parts), "Export", total=len(parts), disable=not progress)
    for number, part in shown:
        _write_part(found, staging, layout, number, part)
    for path, data in layout.listing(pairs).items():
        write_atomically(staging / path, data)
    sheet = contact_sheet(found, rejected_later(folder))
    assert sheet is not None  # there are pairs
    write_atomically(staging / SHEET, sheet)
    content = _card_content(found, pairs, digest, rights)
    usage = "\n\n".join([layout.usage(len(parts)), *left_out(layout, pairs)])
    text = card(content, usage=usage, data_files=layout.data_files)
    write_atomically(staging / CARD, text.encode())
    staging.rename(out)
    return True


def _require_rights(folder: Path, pairs: Sequence[KeptPair], rights: Rights) -> None:
    """Refuse pairs that may not be given on, and those whose authors nobody names.

    That somebody has checked the licence does not stand for the names that it asks for.
    """
    refused, nameless = defaultdict(list), []
    for pair in pairs:
        why = objection(pair.licence)
        if why and not rights.licence_checked:
            refused[why].append(pair.id)
        elif asks_for_credit(pair.licence) and str(pair.provenance["source"]) not in rights.credits:
            nameless.append(pair.id)
    if refused:
        reasons = "; ".join(f"{why} ({_some(ids)})" for why, ids in refused.items())
        raise ValueError(
            f"{folder} may not be given on: {reasons}; reject these pairs, or give "
            f'--licence-checked "REASON" if you have found that it may be{_of_own_photos(pairs)}'
        )
    if nameless and not rights.more_credits:
        raise ValueError(
            f'{folder}: the licence of {_some(nameless)} asks for its authors: give --credit "TEXT"'
        )


def _of_own_photos(pairs: Sequence[KeptPair]) -> str:
    if all(pair.licence for pair in pairs):
        return ""
    return "; a set made anew knows the licence of your own photos by --data.source.licence SPDX"


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _MOST_NAMED:,} more" if len(ids) > _MOST_NAMED else ""
    return ", ".join(ids[:_MOST_NAMED]) + more


def _identity(place: Path) -> Json:
    path = place / IDENTITY
    try:
        found: Json = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):  # nothing of ours
        return None
    return found


def _begin(staging: Path, identity: dict[str, Json]) -> None:
    """Go on with what a stopped export of the same pairs has left, and with nothing else."""
    if staging.exists() and _identity(staging) != identity:
        shutil.rmtree(staging)
    write_atomically(staging / IDENTITY, json.dumps(identity, indent=1).encode())
    for path in staging.rglob(f"*{TEMPORARY}"):
        path.unlink()


def _parts(pairs: Sequence[KeptPair], part_bytes: int) -> Iterator[list[KeptPair]]:
    """Divide the pairs between shards, never within one, so that each shard is read once."""
    by_shard: dict[str, list[KeptPair]] = defaultdict(list)
    for pair in pairs:
        by_shard[pair.shard].append(pair)
    part: list[KeptPair] = []
    size = 0
    for own in by_shard.values():
        added = sum(length for pair in own for _, length in pair.files.values())
        if part and size + added > part_bytes:
            yield part
            part, size = [], 0
        part, size = part + own, size + added
    yield part


def _write_part(
    found: SetRecords, staging: Path, layout: Layout, number: int, part: Sequence[KeptPair]
) -> None:
    if all((staging / path).is_file() for path in layout.paths(number, part)):
        return
    tars = {name: read_shard(found.shards[name]) for name in dict.fromkeys(p.shard for p in part)}
    loaded = [
        (
            pair,
            {
                name: tars[pair.shard][start : start + length]
                for name, (start, length) in pair.files.items()
            },
        )
        for pair in part
    ]
    for path, data in layout.files(number, loaded).items():
        write_atomically(staging / path, data)


def _card_content(
    found: SetRecords, pairs: Sequence[KeptPair], digest: str, rights: Rights
) -> CardContent:
    plan = found.plan
    sources = {str(pair.provenance["source"]) for pair in pairs if asks_for_credit(pair.licence)}
    known = [text for source, text in rights.credits.items() if source in sources]
    return CardContent(
        name=found.folder.resolve().name,
        pairs=pairs,
        figures=summary(found),
        rejected_later=rejections_by_list(found.folder, found.ids),
        recipe={"seed": plan.seed, "shard_size": plan.shard_size, **plan.recipe},
        digest=digest,
        credits=(*known, *rights.more_credits),
        licence_checked=rights.licence_checked,
    )
