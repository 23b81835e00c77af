"""A page on which a person pages through a generated set and rejects pairs by key.

<set>/page/index.html     what the run made and cost, and the pairs; opens from disk
<set>/page/pairs.js       what is known of each pair
<set>/page/sheets/*.jpg   small pictures, loaded as they are looked at
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from callbacks.label_overlay import label_colour
from callbacks.page_template import page_template
from callbacks.set_contents import BY_HAND, rejections_by_list
from callbacks.set_page_sheets import (
    TILE,
    Sheet,
    has_labels,
    sheets_of,
    tile_size,
    write_sheet,
)
from callbacks.set_records import SetRecords
from datamodules.atomic import remove_temporaries, write_atomically
from datamodules.json_value import Json
from datamodules.parallel import map_in_threads
from datamodules.sample import MaskKind
from datamodules.shard_index import reject_lists

PAGE = Path("page", "index.html")


@dataclass(frozen=True, slots=True)
class _Stage:
    """Seconds of one stage for each accepted pair."""

    name: str
    cpu: float
    device: float


def write_set_page(found: SetRecords, figures: Mapping[str, Json], *, progress: bool) -> None:
    """Write the page of a set; of its pictures only those that do not stand.

    Several processes may write the page of one set at once.

    Args:
        found: The set.
        figures: See `callbacks.generation_summary.summary`.
        progress: Whether to show a bar.

    Raises:
        ValueError: If the set has no pair, or one is broken.
        OSError: If the page cannot be written.
    """
    page = found.folder / PAGE.parent
    sheets = sheets_of(found)
    if not sheets:
        raise ValueError(f"{found.folder} holds no published pair: there is nothing to show")
    remove_temporaries(page)
    remove_temporaries(page / "sheets")
    write = partial(write_sheet, found, page / "sheets")
    sizes = map_in_threads(write, sheets, title="Page", progress=progress)
    names = {sheet.name for sheet in sheets}
    for path in (page / "sheets").glob("*.jpg"):
        if path.name not in names:  # of shards that have been made anew
            path.unlink(missing_ok=True)  # another process may have been faster
    data = json.dumps(_pairs(found, sheets), separators=(",", ":"))
    write_atomically(page / "pairs.js", f"const SET = {data};\n".encode())
    stages = _stages(figures)
    text = page_template("set_page.html.jinja").render(
        title=found.folder.absolute().name,
        figures=figures,
        stages=stages,
        cpu=sum(stage.cpu for stage in stages),
        device=sum(stage.device for stage in stages),
        rate=_rate(found),
        rejected_later=rejections_by_list(found.folder, found.ids),
        megabytes=sum(sizes) / 1e6,
        by_hand=f"{BY_HAND}.txt",
        has_labels=has_labels(found),
        has_counterfactuals=sheets[0].num_columns > 2,
        recipe=json.dumps(found.plan.recipe, indent=1),
    )
    write_atomically(page / PAGE.name, text.encode())


def _pairs(found: SetRecords, sheets: Sequence[Sheet]) -> dict[str, Json]:
    """Return what the script of the page needs; a pair is a list, for there may be many."""
    names: list[Json] = []
    pairs: list[Json] = []
    for number, sheet in enumerate(sheets):
        names.append([sheet.name, sheet.stop - sheet.start])
        known = found.shards[sheet.shard].pairs[sheet.start : sheet.stop]
        pairs += [_pair(pair, number, row) for row, pair in enumerate(known)]
    lists = reject_lists(found.folder)
    by_hand: list[Json] = list(lists.pop(BY_HAND, {}))
    fixed: dict[str, Json] = {
        id: ": ".join(part for part in (name, reason) if part)
        for name, rows in lists.items()
        for id, reason in rows.items()
    }
    return {
        "set": found.plan.digest,
        "file": f"{BY_HAND}.txt",
        "tile": TILE,
        "columns": sheets[0].num_columns,
        "hasLabels": has_labels(found),
        "colours": _colours(found),
        "sheets": names,
        "byHand": by_hand,
        "fixed": fixed,
        "pairs": pairs,
    }


def _pair(pair: Mapping[str, Json], sheet: int, row: int) -> list[Json]:
    """Return id, sheet, row, height and width there, what is told of a pair, and label names."""
    size, names, provenance = pair["size"], pair["class_names"], pair["provenance"]
    assert isinstance(size, list)
    assert isinstance(names, list)
    assert isinstance(provenance, dict)
    height, width = tile_size(int(str(size[0])), int(str(size[1])))
    lists = [(field, provenance[field]) for field in ("parents", "edits")]
    told: list[Json] = [", ".join(str(name) for name in names)]
    told += [
        f"{field}: {', '.join(str(each) for each in values)}"
        for field, values in lists
        if isinstance(values, list) and values
    ]
    scores = pair["scores"]
    if isinstance(scores, dict):
        told += [f"{name} {float(str(value)):.3g}" for name, value in scores.items()]
    told.append(f"{size[1]} x {size[0]}")
    line = " | ".join(str(each) for each in told)
    return [str(pair["id"]), sheet, row, height, width, line, list(_label_names(pair))]


def _label_names(pair: Mapping[str, Json]) -> Sequence[str]:
    """Return the names of the labels from 1 on; none of a mask of one object."""
    names = pair["class_names"]
    assert isinstance(names, list)
    return [str(n) for n in names[1:]] if pair["mask_kind"] == MaskKind.LABELS.value else []


def _colours(found: SetRecords) -> list[Json]:
    """Return the colours of the labels from 1 on, as style sheets write them."""
    pairs = (pair for shard in found.shards.values() for pair in shard.pairs)
    most = max((len(_label_names(pair)) for pair in pairs), default=0)
    return [f"rgb{label_colour(label)}" for label in range(1, most + 1)]


def _stages(figures: Mapping[str, Json]) -> list[_Stage]:
    stages = figures["seconds_per_accepted_pair"]
    assert isinstance(stages, dict)
    return [
        _Stage(name, float(str(took["cpu"])), float(str(took["device"])))
        for name, took in stages.items()
        if isinstance(took, dict)
    ]


def _rate(found: SetRecords) -> float | None:
    """Return pairs/s from the run's beginning to its last shard; None for less than a second.

    Pauses of a stopped run count: what stands on disk does not tell them from work. Of records
    that do not say when their process began, the first shard is the beginning.
    """
    done = [shard.done for shard in found.shards.values() if "published" in shard.done]
    if not done:
        return None
    ends = sorted((_time(each, "published"), int(str(each["num_pairs"]))) for each in done)
    begun = [_time(each, "begun") for each in done if "begun" in each]
    start, counted = (ends[0][0], ends[1:]) if len(begun) < len(done) else (min(begun), ends)
    seconds = (ends[-1][0] - start).total_seconds()
    return sum(number for _, number in counted) / seconds if seconds >= 1 else None


def _time(done: Mapping[str, Json], field: str) -> datetime:
    return datetime.fromisoformat(str(done[field]))
