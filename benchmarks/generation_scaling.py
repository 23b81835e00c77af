"""How long a generation run takes to start and to resume, and what a second process gives.

Run from a clone: ``python -m benchmarks.generation_scaling [--pairs 960] [--repeats 3]``.
Procedural pairs of the configuration's own size are made by one and by two processes, interleaved.
A row: seconds from the command to the first shard, pairs per second from the first shard to the
last, of the whole command, and seconds of the same command where only one shard is left to make.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from benchmarks.generation_kills import CONFIG, wait_for
from callbacks import run_facts
from datamodules.shard_index import index_of
from datamodules.shards import SHARDS, published_shards

SHARD = 32


@dataclass(frozen=True)
class Times:
    """Of one run, in seconds."""

    first: float
    """Until the first shard stands."""
    last: float
    """Until the last one does."""
    end: float
    """Until the command has ended."""


def timed(folder: Path, *, pairs: int, processes: int) -> Times:
    """Run the command and watch the shards come."""
    begun = time.monotonic()
    there = len(published_shards(folder))
    log = folder.with_suffix(".log").open("ab")
    command = [
        *(sys.executable, "-m", "train", "predict", "--config", CONFIG),
        *("--trainer.accelerator", "cpu", "--trainer.devices", str(processes)),
        *("--trainer.default_root_dir", str(folder.with_suffix(".run"))),
        *("--data.folder", str(folder), "--data.shard_size", str(SHARD)),
        *("--data.num_workers", "1", "--data.source.number", str(pairs)),
        *([] if processes == 1 else ["--trainer.strategy", "ddp"]),
    ]
    run = subprocess.Popen(command, stdout=log, stderr=log)
    found = []
    for count in (there + 1, -(-pairs // SHARD)):
        if not wait_for(count, folder, [run]):
            raise SystemExit(f"{folder}: the run ended too early, see the log beside it")
        found.append(time.monotonic() - begun)
    if run.wait():
        raise SystemExit(f"{folder}: the run ended with {run.returncode}, see the log beside it")
    return Times(found[0], found[1], time.monotonic() - begun)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=960)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(f"{run_facts.commit()}; {run_facts.hardware(torch.device('cpu'), 1)}", flush=True)
    whole: dict[int, list[Times]] = {1: [], 2: []}
    resumed: dict[int, list[Times]] = {1: [], 2: []}
    digests = set()
    with tempfile.TemporaryDirectory() as temporary:
        for _ in range(options.repeats):
            for processes in whole:
                folder = Path(temporary) / f"by-{processes}"
                whole[processes].append(timed(folder, pairs=options.pairs, processes=processes))
                digests.add(index_of(folder).digest)
                shutil.rmtree(folder / SHARDS / published_shards(folder)[0])
                resumed[processes].append(timed(folder, pairs=options.pairs, processes=processes))
                digests.add(index_of(folder).digest)
                for path in (folder, folder.with_suffix(".run")):
                    shutil.rmtree(path, ignore_errors=True)
    if len(digests) != 1:
        raise SystemExit(f"the runs made {len(digests)} different sets")
    print("| processes | first shard, s | pairs/s | command, s | one shard left, s |")
    print("|---|---|---|---|---|")
    for processes, times in whole.items():
        rest = options.pairs - SHARD * processes
        rate = [rest / (each.last - each.first) for each in times]
        print(
            f"| {processes} | {median(each.first for each in times):.1f} "
            f"| {_spread(rate)} | {_spread([each.end for each in times])} "
            f"| {_spread([each.end for each in resumed[processes]])} |"
        )


def _spread(values: list[float]) -> str:
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


if __name__ == "__main__":
    main()
