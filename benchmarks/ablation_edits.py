"""Do edited pairs help a segmenter? Every arm against real pairs with standard augmentation.

python -m benchmarks.ablation_edits --people FOLDER --davis FOLDER [--editors NAME=FILE ...]
python -m benchmarks.ablation_edits --table
python -m benchmarks.ablation_edits --compare "people 10 %"
python -m benchmarks.ablation_edits --people FOLDER --davis FOLDER --dry-run

A finished run is a line of ``benchmarks/results/ablation_edits.jsonl`` and a small file of
per-image values beside it; a run whose line stands is not made again, one that was stopped goes on
from its last checkpoint in ``runs/ablation``. Any number of processes may be started with the same
arguments, one for each core: each takes the next run that no other has. ``--dry-run`` trains every
arm for two steps at 64 px and leaves no line.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from benchmarks import ablation_table
from benchmarks.ablation_arms import BASELINE
from benchmarks.ablation_claims import claimed
from benchmarks.ablation_plan import LEARNING_RATES, Run, plan
from benchmarks.ablation_rows import Row, append_row, group_scores, keep, kept_file, read_rows
from benchmarks.ablation_runs import Campaign, clear, described, fit, is_trained, linked, test

ROWS = Path("benchmarks/results/ablation_edits.jsonl")


def main() -> None:
    """Run what is missing, or show what is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=Path, help="set in the DIS5K layout")
    parser.add_argument("--davis", type=Path, help="frames of DAVIS in the same layout")
    parser.add_argument(
        "--editors",
        nargs="+",
        default=[],
        metavar="NAME=FILE",
        help="safetensors of trained mask editors: full=FILE, and those with fewer terms",
    )
    parser.add_argument("--work", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--groups", nargs="+", help="of runs; all by default")
    parser.add_argument("--workers", type=int, default=0, help="loader processes of each run")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--table", action="store_true", help="show the rows that are there")
    parser.add_argument("--compare", metavar="GROUP", help="paired intervals of a group")
    options = parser.parse_args()
    if options.table:
        ablation_table.show(read_rows(options.rows))
        return
    if options.compare:
        sys.exit(ablation_table.compare_group(options.rows, options.compare, options.work))
    if options.people is None or options.davis is None:
        parser.error("--people and --davis are needed for training")
    editors = [argument.split("=", 1) for argument in options.editors]
    campaign = Campaign(
        sets={"people": options.people.resolve(), "davis": options.davis.resolve()},
        work=options.work,
        rows=options.rows,
        editors={name: Path(file).resolve() for name, file in editors},
        workers=options.workers,
    )
    runs = plan(list(campaign.editor_arms))
    if options.groups is not None:
        runs = [run for run in runs if run.group in options.groups]
    if options.dry_run:
        rehearse(campaign, runs)
        return
    for _, group in groupby(runs, key=lambda run: run.group):
        share(campaign, list(group))


def share(campaign: Campaign, runs: Sequence[Run]) -> None:
    """Finish runs together with other processes; return when all are finished.

    Later groups build on what earlier ones found: the learning rate, the judge of a filter.
    """
    for waits in (False, True):
        for run in runs:
            with claimed(campaign.work, run.key, waits=waits) as is_ours:
                if is_ours:
                    finish(campaign, run)


def rehearse(campaign: Campaign, runs: Sequence[Run]) -> None:
    """Train each arm for two steps and test the first one, in a temporary folder."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        small = replace(campaign, work=work, rows=work / "rows.jsonl", steps=2, size=64, workers=0)
        arms: dict[str, Run] = {}
        for run in runs:
            if run.group != "lr":
                # scoring at the photos' own size takes most of the time: once is enough
                tested_on = () if arms else run.tested_on
                arms.setdefault(run.arm, replace(run, lr=0.001, tested_on=tested_on))
        for run in arms.values():
            finish(small, run)
        ablation_table.show(read_rows(small.rows))


def finish(campaign: Campaign, run: Run) -> None:
    """Make the rows of a run that are missing."""
    rows = read_rows(campaign.rows)
    done = {(row["run"], row["tested_on"]) for row in rows}
    missing = [name for name in (run.tested_on or (None,)) if (run.key, name) not in done]
    if not missing:
        return
    print(f"{datetime.now(UTC):%H:%M:%S} {run.key}", flush=True)
    lr = chosen_lr(rows) if run.lr is None else run.lr
    for needed in (*campaign.needs(run), run):
        links, num_photos = linked(campaign, needed)
        if not is_trained(campaign.folder(needed), campaign.steps):
            fit(campaign, needed, links, lr)
    for name in missing:
        row = described(campaign, run, lr, num_photos)
        row |= {"tested_on": name}
        if name is not None:
            report = test(campaign, run, links, name)
            keep(report, kept_file(campaign.rows, run.key, name))
            row["scores"] = group_scores(report)
        with claimed(campaign.work, "rows", waits=True):
            append_row(campaign.rows, row)
    clear(campaign.folder(run), keeps_weights=run.arm == BASELINE)


def chosen_lr(rows: list[Row]) -> float:
    """Return the learning rate whose run of the baseline is best on the validation photos.

    Raises:
        ValueError: If not all of them were tried.
    """
    tried = [row for row in rows if row["group"] == "lr"]
    if len(tried) < len(LEARNING_RATES):
        raise ValueError(f"{len(tried)} learning rates were tried: run the group lr first")
    best = max(tried, key=lambda row: float(str(row["validation_max_f"])))
    return float(str(best["lr"]))


if __name__ == "__main__":
    start = time.monotonic()
    main()
    print(f"{time.monotonic() - start:.0f} s", flush=True)
