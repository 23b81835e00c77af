"""One process, two processes and two machines train and test alike."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.train.launchers import DDP, lightning, slurm, two_agents
from train.cli import main

WriteConfig = Callable[..., str]
pytestmark = pytest.mark.slow


def without_noise(config: dict) -> None:  # type: ignore[type-arg]
    config["model"]["init_args"]["net"]["init_args"]["net"]["init_args"]["dropout"] = 0.0
    config["trainer"]["callbacks"] = [{"class_path": "toys.Recorder"}]


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
