"""Do synthetic pairs help each network? Real pairs alone against real pairs and a mixture.

python -m benchmarks.baselines --photos FOLDER [--networks NAME ...] [--seeds 0 1 2]
python -m benchmarks.baselines --table
python -m benchmarks.baselines --dry-run

Both arms of a network have the same photos, steps, batches, flips and first weights; the mixture is
that of ``configs/dis/mixture.yaml``, pairs that are edited and painted while it trains. Here are
only networks that a processor can train; the others, at their published sizes, are parts of
``python -m benchmarks.gpu``, whose rows go into the same table. A finished run is a line of
``benchmarks/results/baselines.jsonl`` and a small file beside it, and is not made again; one that
was stopped begins anew, it takes some minutes. Several processes with the same arguments share the
runs. ``--dry-run`` makes the runs of one seed with two steps and leaves no line.
"""

import argparse
import logging
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks import baselines_table
from benchmarks.ablation_claims import claimed
from benchmarks.baselines_plan import NETWORKS, SEEDS, Run, network, runs_of
from benchmarks.baselines_runs import Campaign, finish

ROWS = Path("benchmarks/results/baselines.jsonl")
ON_A_PROCESSOR = tuple(each.key for each in NETWORKS if not each.needs_gpu)


def main() -> None:
    """Run what is missing, or show what is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, help="set in the DIS5K layout")
    parser.add_argument("--work", type=Path, default=Path("runs/baselines"))
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument(
        "--networks", nargs="+", choices=ON_A_PROCESSOR, default=list(ON_A_PROCESSOR)
    )
    parser.add_argument("--seeds", nargs="+", type=int, choices=SEEDS, default=list(SEEDS))
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--table", action="store_true", help="show the rows that are there")
    options = parser.parse_args()
    if options.table:
        baselines_table.show(options.rows)
        return
    if options.photos is None and not options.dry_run:
        parser.error("--photos is needed for training")
    ignore_expected_warnings()
    campaign = Campaign(
        photos=options.photos.resolve() if options.photos else None,
        work=options.work,
        rows=options.rows,
        device=torch.device("cpu"),
    )
    runs = [
        run
        for key in options.networks
        for run in runs_of(network(key))
        if run.seed in options.seeds
    ]
    if options.dry_run:
        rehearse(campaign, runs)
    else:
        share(campaign, runs)


def share(campaign: Campaign, runs: Sequence[Run]) -> None:
    """Finish runs together with other processes; return when all are finished."""
    for waits in (False, True):
        for run in runs:
            with claimed(campaign.work, campaign.key(run), waits=waits) as is_ours:
                if is_ours:
                    finish(campaign, run)


def rehearse(campaign: Campaign, runs: Sequence[Run]) -> None:
    """Make the runs of the first seed, two steps long, in a temporary folder.

    Their table shows that the runs work and nothing else: of untrained networks, the thresholds
    that are kept miss the maximum of F.
    """
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        tiny = replace(campaign, work=work, rows=work / "rows.jsonl", is_trial=True)
        share(tiny, [run for run in runs if run.seed == runs[0].seed])
        print("\nA trial of two steps each at the smallest sizes: the figures mean nothing.")
        baselines_table.show(tiny.rows)


def ignore_expected_warnings() -> None:
    """Leave out what Lightning says of runs that need neither workers nor checkpoints."""
    for message in (
        "Attribute '.*' is an instance of `nn.Module`",  # there are no checkpoints
        "Attribute '.*' removed from hparams",  # neither
        "The '.*_dataloader' does not have many workers",  # one core a process
        "It is recommended to use `self.log\\('(val|test)/.*sync_dist=True",  # one process
        ".*isinstance.treespec, LeafSpec.*",  # torch, raised inside Lightning
    ):
        warnings.filterwarnings("ignore", message)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # each run has four trainers


if __name__ == "__main__":
    start = time.monotonic()
    main()
    print(f"{time.monotonic() - start:.0f} s", flush=True)
