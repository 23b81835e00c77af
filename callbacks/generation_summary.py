"""What a generated set holds and what it cost, from its done records."""

import json
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from callbacks.contact_sheet import contact_sheet
from callbacks.set_page import write_set_page
from callbacks.set_records import SetRecords, read_set
from datamodules.atomic import write_atomically
from datamodules.json_value import Json
from datamodules.shard_index import write_index

SUMMARY, SHEET = "summary.json", "contact_sheet.png"
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def finish_set(folder: Path) -> None:
    """Write ``index.json``, ``summary.json``, contact sheet and page, and print one line.

    All of them follow from the published shards, so any process may write them, at any time.

    Raises:
        ValueError: If a record or a pair is broken.
        OSError: If a shard cannot be read, or the files cannot be written.
    """
    found = read_set(folder)
    try:
        line = _finish(found)
    except OSError as error:
        raise OSError(
            f"{folder}: all shards are published, but their index, summary or page could not be "
            f"written: {error.strerror}. Make room or mend the folder, and run the same command "
            "again"
        ) from error
    print(line, flush=True)  # noqa: T201 - the answer to the user's command


def _finish(found: SetRecords) -> str:
    folder = found.folder
    index = write_index(folder)
    figures = summary(found)
    write_atomically(
        folder / SUMMARY, json.dumps({**figures, "index": index.digest}, indent=1).encode()
    )
    sheet = contact_sheet(found)
    if sheet is not None:
        write_atomically(folder / SHEET, sheet)
        write_set_page(found, figures, progress=sys.stderr.isatty())
    return (
        f"{figures['num_pairs']} pairs of {figures['num_planned']} planned in {folder}, "
        f"{figures['num_rejected']} rejected; index {index.digest[:12]}"
    )


def summary(found: SetRecords) -> dict[str, Json]:
    """Return the counts of a set, its reasons of rejection, licences and seconds.

    Reasons that differ in their numbers alone are counted together, under the first. Seconds are
    those of all stages, of rejected pairs too, over the pairs that were accepted.
    """
    records = [shard.done for shard in found.shards.values()]
    num_pairs = _total(records, "num_pairs")
    num_rejected = _total(records, "num_rejected")
    planned = len(found.plan.keys)
    return {
        "num_planned": planned,
        "num_missing": planned - num_pairs - num_rejected,
        "num_pairs": num_pairs,
        "num_rejected": num_rejected,
        "accepted_share": num_pairs / max(1, num_pairs + num_rejected),
        "rejections": _reasons(records),
        "licences": _licences(records),
        "classes": _classes(records),
        "bytes": _total(records, "bytes"),
        "seconds_per_accepted_pair": _seconds(records, num_pairs),
        "hardware": _all_of(records, "hardware"),
        "versions": _all_of(records, "versions"),
    }


def _total(records: Sequence[dict[str, Json]], name: str) -> int:
    return sum(int(str(record[name])) for record in records)


def _all_of(records: Sequence[dict[str, Json]], name: str) -> Json:
    found: list[Json] = []
    found += sorted({str(record[name]) for record in records if name in record})
    return found


def _pairs(records: Sequence[dict[str, Json]], name: str) -> list[dict[str, Json]]:
    return [pair for record in records for pair in record[name]]  # type: ignore[misc, union-attr]


def _reasons(records: Sequence[dict[str, Json]]) -> Json:
    alike: dict[tuple[str, str], Counter[str]] = {}
    for each in _pairs(records, "rejected"):
        judge, reason = str(each["filter"]), str(each["reason"])
        alike.setdefault((judge, _NUMBER.sub("#", reason)), Counter())[reason] += 1
    counts = Counter(
        {
            f"{judge}{', such as' if len(reasons) > 1 else ''}: {next(iter(reasons))}": (
                reasons.total()
            )
            for (judge, _), reasons in alike.items()
        }
    )
    return dict(counts.most_common())


def _licences(records: Sequence[dict[str, Json]]) -> Json:
    provenances = [pair["provenance"] for pair in _pairs(records, "pairs")]
    licences = Counter(str(p["licence"]) for p in provenances if isinstance(p, dict))
    return dict(licences.most_common())


def _classes(records: Sequence[dict[str, Json]]) -> Json:
    names = [pair["class_names"] for pair in _pairs(records, "pairs")]
    return dict(
        Counter(str(n) for each in names if isinstance(each, list) for n in each).most_common()
    )


def _seconds(records: Sequence[dict[str, Json]], num_pairs: int) -> Json:
    stages: dict[str, dict[str, float]] = {}
    for record in records:
        seconds: dict[str, dict[str, float]] = record["seconds"]  # type: ignore[assignment]
        for stage, took in seconds.items():
            whole = stages.setdefault(stage, dict.fromkeys(took, 0.0))
            for kind, value in took.items():
                whole[kind] += value
    return {
        stage: {kind: round(value / max(1, num_pairs), 6) for kind, value in took.items()}
        for stage, took in stages.items()
    }
