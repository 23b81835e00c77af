"""Kill generation runs at random moments: is anything lost, made twice, or another?

Run from a clone: ``python -m benchmarks.generation_kills [--kills 100] [--launchers one two ...]``.
An undisturbed run of one process gives the index digest to be equalled. Then, for each launcher, a
run is killed by SIGKILL again and again, shortly after some shards have appeared, and each time the
same command is given anew; at the end it is left alone. Under torchrun one worker alone is killed,
and torchrun itself restarts the group. A row of the table: kills, seconds until the first new shard
after a kill, and whether ids and digest are those of the plan and the undisturbed run.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket
from statistics import median

import torch

from callbacks import run_facts
from datamodules.generation_plan import read_plan
from datamodules.shard_index import index_of
from datamodules.shards import published_shards

CONFIG = "configs/generation/procedural.yaml"
TORCHRUN = ["-m", "torch.distributed.run"]
LIMIT = 900.0  # seconds without a new shard after which a run counts as hanging


@dataclass(frozen=True)
class Launcher:
    """How processes are started."""

    num_processes: int
    torchrun: bool = False
    num_agents: int = 1


LAUNCHERS = {
    "one": Launcher(1),
    "two": Launcher(2),
    "four": Launcher(4),
    "torchrun": Launcher(2, torchrun=True),
    "agents": Launcher(2, torchrun=True, num_agents=2),
}


@dataclass
class Outcome:
    """What happened to one run."""

    num_kills: int = 0
    resumed: list[float] = field(default_factory=list)
    """Seconds from each start to its first new shard."""


def commands(launcher: Launcher, folder: Path, pairs: int) -> list[list[str]]:
    """Return the command of each agent; Lightning's own launcher needs one alone."""
    own = launcher.num_processes // launcher.num_agents
    arguments = [
        *("-m", "train", "predict", "--config", CONFIG, "--trainer.accelerator", "cpu"),
        *("--trainer.devices", str(own), "--trainer.num_nodes", str(launcher.num_agents)),
        *("--trainer.default_root_dir", str(folder.with_suffix(".run"))),
        *("--data.folder", str(folder), "--data.shard_size", "4", "--data.num_workers", "1"),
        *("--data.source.number", str(pairs), "--data.source.scenes.size", "192"),
    ]
    if launcher.num_processes > 1:
        arguments += ["--trainer.strategy", "ddp"]
    if not launcher.torchrun:
        return [[sys.executable, *arguments]]
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    rendezvous = [
        *("--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}", "--rdzv-id=1"),
        *("--local-addr=127.0.0.1", "--max-restarts=100"),
        *(f"--nnodes={launcher.num_agents}", f"--nproc-per-node={own}"),
    ]
    return [[sys.executable, *TORCHRUN, *rendezvous, *arguments]] * launcher.num_agents


def start(launcher: Launcher, folder: Path, pairs: int) -> list[subprocess.Popen[bytes]]:
    """Start all agents of a run, each the leader of a process group."""
    log = folder.with_suffix(".log").open("ab")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    # a restarted group must not meet the addresses of the one before (pytorch/pytorch#135712)
    environment["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    return [
        subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        for command in commands(launcher, folder, pairs)
    ]


def wait_for(count: int, folder: Path, agents: Sequence[subprocess.Popen[bytes]]) -> bool:
    """Wait until so many shards stand; False where the run ended before."""
    last, before = time.monotonic(), -1
    while (found := len(published_shards(folder))) < count:
        if all(agent.poll() is not None for agent in agents):
            return False
        if found > before:
            last, before = time.monotonic(), found
        if time.monotonic() - last > LIMIT:
            raise SystemExit(f"{folder}: no new shard for {LIMIT:.0f} s, see the log beside it")
        time.sleep(0.02)
    return True


def children(process: int) -> list[int]:
    """Return the direct children of a process."""
    found = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        found += [int(number) for number in path.read_text().split()]
    return found


def disturbed(
    launcher: Launcher, folder: Path, pairs: int, *, kills: int, dice: random.Random
) -> Outcome:
    """Kill a run so often, or until it is whole, then let it end."""
    outcome = Outcome()
    agents: list[subprocess.Popen[bytes]] = []
    while outcome.num_kills < kills:
        there = len(published_shards(folder))
        begun = time.monotonic()
        if not agents:
            agents = start(launcher, folder, pairs)
        if not wait_for(there + 1, folder, agents):
            break
        outcome.resumed.append(time.monotonic() - begun)
        if not wait_for(there + dice.randint(1, 3), folder, agents):
            break
        time.sleep(dice.uniform(0, 0.3))
        if launcher.torchrun:  # one worker of one agent; the agents start all anew
            workers = [child for agent in agents for child in children(agent.pid)]
            if not workers:
                break
            os.kill(dice.choice(workers), signal.SIGKILL)
        else:
            os.killpg(agents[0].pid, signal.SIGKILL)
            agents[0].wait()
            agents = []
        outcome.num_kills += 1
    agents = agents or start(launcher, folder, pairs)
    codes = [agent.wait() for agent in agents]
    if any(codes):
        raise SystemExit(f"{folder}: the run ended with {codes}, see the log beside it")
    return outcome


def main() -> None:
    """Kill, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="of each launcher")
    parser.add_argument("--launchers", nargs="+", choices=list(LAUNCHERS), default=list(LAUNCHERS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="kept; a temporary one by default")
    options = parser.parse_args()
    pairs = 16 * options.kills + 16  # up to three shards a kill, and one that was in the making
    print(f"{run_facts.commit()}; {run_facts.hardware(torch.device('cpu'), 1)}")
    with tempfile.TemporaryDirectory() as temporary:
        root = options.folder or Path(temporary)
        root.mkdir(parents=True, exist_ok=True)
        disturbed(LAUNCHERS["one"], root / "undisturbed", pairs, kills=0, dice=random.Random(0))
        wanted = index_of(root / "undisturbed").digest
        print(f"{pairs} pairs in shards of 4; index {wanted[:12]}\n")
        print("| launcher | kills | s to the next shard | lost | twice | same index |")
        print("|---|---|---|---|---|---|")
        for name in options.launchers:
            folder = root / name
            dice = random.Random(options.seed)
            found = disturbed(LAUNCHERS[name], folder, pairs, kills=options.kills, dice=dice)
            ids = [id for shard in index_of(folder).shards for id in shard.ids]
            ids += [each[0] for shard in index_of(folder).shards for each in shard.rejected]
            planned = {item.id for shard in read_plan(folder).shards for item in shard.items}
            lost, twice = len(planned - set(ids)), len(ids) - len(set(ids))
            same = "yes" if index_of(folder).digest == wanted else "NO"
            seconds = f"{median(found.resumed):.1f}" if found.resumed else "-"
            print(
                f"| {name} | {found.num_kills} | {seconds} | {lost} | {twice} | {same} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
