"""Does training for named classes work as said? Counterfactuals, names without masks, few masks.

python -m benchmarks.open_vocabulary [--clothing FOLDER] [--camvid FOLDER] [--groups NAME ...]
python -m benchmarks.open_vocabulary --table

A small CLIP is needed first: configs/generation/compositions.yaml, then
configs/clip_seg/train_tiny_clip.yaml. A finished run is a line of
``benchmarks/results/open_vocabulary.jsonl`` and is not made again; one that was stopped begins
anew, it takes some minutes. Several processes with the same arguments share the runs.
``--dry-run`` makes all kinds of runs with two steps and leaves no line.
"""

import argparse
import hashlib
import os
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch
from open_clip.constants import HF_SAFE_WEIGHTS_NAME

from benchmarks import open_vocabulary_table
from benchmarks.ablation_claims import claimed
from benchmarks.ablation_rows import Row, append_row, read_rows
from benchmarks.open_vocabulary_plan import CAMVID, CLOTHING, Run, plan
from benchmarks.open_vocabulary_runs import Campaign, keep_weights, needed, network, scores_of
from benchmarks.open_vocabulary_sets import Sets
from callbacks import run_facts

ROWS = Path("benchmarks/results/open_vocabulary.jsonl")


def main() -> None:
    """Run what is missing, or show what is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clothing", type=Path, help="set in PASCAL VOC's layout")
    parser.add_argument("--camvid", type=Path, help="set in PASCAL VOC's layout")
    parser.add_argument("--clip", type=Path, default=Path("runs/tiny_clip/clip"))
    parser.add_argument("--work", type=Path, default=Path("runs/open_vocabulary_proof"))
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--groups", nargs="+", help="of runs; all by default")
    parser.add_argument("--seeds", nargs="+", type=int, help="all by default")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--table", action="store_true", help="show the rows that are there")
    options = parser.parse_args()
    if options.table:
        open_vocabulary_table.show(read_rows(options.rows))
        return
    if not (options.clip / HF_SAFE_WEIGHTS_NAME).is_file():
        parser.error(
            f"no CLIP in {options.clip}: train one by configs/clip_seg/train_tiny_clip.yaml"
        )
    real = {CLOTHING: options.clothing, CAMVID: options.camvid}
    sets = Sets(work=options.work, real={name: path for name, path in real.items() if path})
    runs = [run for run in plan() if run.group not in real or run.group in sets.real]
    if options.groups is not None:
        runs = [run for run in runs if run.group in options.groups]
    if options.seeds is not None:
        runs = [run for run in runs if run.seed in options.seeds]
    # networks are kept in checkpoints twice, and there are none
    warnings.filterwarnings("ignore", "Attribute '.*' is an instance of `nn.Module`")
    campaign = Campaign(sets=sets, clip=options.clip)
    if options.dry_run:
        rehearse(campaign, runs)
    else:
        share(campaign, runs, options.rows)


def share(campaign: Campaign, runs: Sequence[Run], rows: Path) -> None:
    """Finish runs together with other processes; return when all are finished."""
    for waits in (False, True):
        for run in runs:
            with claimed(campaign.sets.work, run.key, waits=waits) as is_ours:
                if is_ours:
                    finish(campaign, run, rows)


def rehearse(campaign: Campaign, runs: Sequence[Run]) -> None:
    """Make one run of every arm, two steps long, in a temporary folder."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        sets = replace(campaign.sets, work=work, num_pairs=48, num_scenes=20)
        arms = {(run.group, run.arm): run for run in reversed(runs)}
        share(replace(campaign, sets=sets, steps=2), list(arms.values()), work / "rows.jsonl")
        open_vocabulary_table.show(read_rows(work / "rows.jsonl"))


def finish(campaign: Campaign, run: Run, rows: Path) -> None:
    """Make the row of a run, if it is missing."""
    if any(row["run"] == run.key for row in read_rows(rows)):
        return
    for other in needed(run):
        if not campaign.weights(other).is_file():
            keep_weights(campaign, other, network(campaign, other))
    print(f"{datetime.now(UTC):%H:%M:%S} {run.key}", flush=True)
    start = time.process_time()
    net = network(campaign, run)
    trained = time.process_time()
    scores = scores_of(campaign, run, net)
    keep_weights(campaign, run, net)
    clip = (campaign.clip / HF_SAFE_WEIGHTS_NAME).read_bytes()
    row: Row = {
        "run": run.key,
        "group": run.group,
        "arm": run.arm,
        "seed": run.seed,
        "percent": run.percent,
        "num_categories": run.num_categories,
        "steps": campaign.num_steps(run),
        "scores": scores,
        "train_cpu_seconds": round(trained - start),
        "test_cpu_seconds": round(time.process_time() - trained),
        "clip": hashlib.sha256(clip).hexdigest()[:12],
        "commit": run_facts.commit(),
        "hardware": run_facts.hardware(torch.device("cpu"), 1),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[2], 1),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    with claimed(campaign.sets.work, "rows", waits=True):
        append_row(rows, row)


if __name__ == "__main__":
    main()
