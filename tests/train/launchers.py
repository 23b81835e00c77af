"""Ways to start two processes of one run."""

import os
import subprocess
import sys
from pathlib import Path
from socket import socket

ROOT = Path(__file__).parents[2]
DDP = str(ROOT / "configs" / "trainer" / "ddp.yaml")


def free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(command: list[str], **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes: subprocess.Popen[str]) -> None:
    outputs = [process.communicate(timeout=180)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), outputs


def lightning(arguments: list[str]) -> None:
    """Lightning's own launcher starts the second process."""
    finish(start([sys.executable, "-m", "train", *arguments, "--trainer.devices", "2"]))


def two_agents(arguments: list[str]) -> None:
    """Two torchrun agents on one rendezvous, as two machines would be."""
    rendezvous = ["--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{free_port()}", "--rdzv-id=1"]
    command = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    flags = ["--trainer.num_nodes", "2", "--trainer.devices", "1"]
    whole = [*command, *rendezvous, "--local-addr=127.0.0.1", "-m", "train", *arguments, *flags]
    finish(*(start(whole) for _ in range(2)))


def slurm(arguments: list[str]) -> None:
    """Two tasks that know each other by SLURM's variables alone."""
    common = {
        "SLURM_JOB_ID": "1",
        "SLURM_JOB_NAME": "fit",
        "SLURM_NTASKS": "2",
        "SLURM_NTASKS_PER_NODE": "2",
        "SLURM_NNODES": "1",
        "SLURM_NODEID": "0",
        "SLURM_NODELIST": "127.0.0.1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }
    command = [sys.executable, "-m", "train", *arguments, "--trainer.devices", "2"]
    ranks = ({**common, "SLURM_PROCID": str(r), "SLURM_LOCALID": str(r)} for r in range(2))
    finish(*(start(command, **rank) for rank in ranks))
