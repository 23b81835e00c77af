"""One process, two processes and two machines train and test alike."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from socket import socket

import pytest
import torch
from safetensors.torch import load_file

from train.cli import main

ROOT = Path(__file__).parents[2]
DDP = str(ROOT / "configs" / "trainer" / "ddp.yaml")
WriteConfig = Callable[..., str]
pytestmark = pytest.mark.slow


def without_noise(config: dict) -> None:  # type: ignore[type-arg]
    config["model"]["init_args"]["net"]["init_args"]["net"]["init_args"]["dropout"] = 0.0
    config["trainer"]["callbacks"] = [{"class_path": "toys.Recorder"}]


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


@pytest.mark.parametrize("launch", [lightning, two_agents, slurm])
def test_two_processes_are_one(
    launch: Callable[[list[str]], None], write_config: WriteConfig, tmp_path: Path
) -> None:
    one, two = (write_config(without_noise, name=name) for name in ("one", "two"))
    main(["fit", "--config", one])
    launch(["fit", "--config", two, "--config", DDP, "--trainer.accelerator", "cpu"])

    def ids_of(name: str) -> list[set[str]]:
        files = sorted((tmp_path / name).glob("steps.*.txt"))
        rows = [[line.split()[1:-1] for line in file.read_text().splitlines()] for file in files]
        steps = [[id for ids in step for id in ids] for step in zip(*rows, strict=True)]
        assert all(len(ids) == len(set(ids)) == 4 for ids in steps)
        return [set(ids) for ids in steps]

    assert ids_of("one") == ids_of("two")
    expected = load_file(tmp_path / "one/weights.safetensors")
    found = load_file(tmp_path / "two/weights.safetensors")
    assert expected.keys() == found.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("launch", [lightning, two_agents])
def test_two_processes_test_each_photo_once_and_get_the_same_digits(
    launch: Callable[[list[str]], None], write_config: WriteConfig, tmp_path: Path
) -> None:
    config = write_config(without_noise)
    main(["fit", "--config", config])
    checkpoint = ["--config", config, "--ckpt_path", str(tmp_path / "run/checkpoints/last.ckpt")]
    main(["test", *checkpoint, "--trainer.default_root_dir", str(tmp_path / "one")])
    launch(
        [
            *("test", *checkpoint, "--config", DDP, "--trainer.accelerator", "cpu"),
            *("--trainer.default_root_dir", str(tmp_path / "two")),
        ]
    )
    for name in ("metrics.json", "per_image.csv"):
        one, two = (tmp_path / run / "report" / name for run in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
    assert json.loads((tmp_path / "one/report/metrics.json").read_text())
