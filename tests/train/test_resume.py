"""A run that was stopped and continued is the run that was never stopped."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from train.cli import main

ROOT = Path(__file__).parents[2]
WriteConfig = Callable[..., str]
NUM_STEPS = 9  # more than two epochs of the tiny set at batch 4


def with_recorder(config: dict, kill_at: int = -1, signal: str = "") -> None:  # type: ignore[type-arg]
    config["trainer"]["max_steps"] = NUM_STEPS
    config["trainer"]["callbacks"] = [
        {
            "class_path": "toys.Recorder",
            "init_args": {"kill_at": kill_at, "with_signal": signal},
        }
    ]


def steps_of(run: Path) -> dict[str, str]:
    lines = (run / "steps.0.txt").read_text().splitlines()
    return {line.split()[0]: line for line in lines}


@pytest.fixture
def undisturbed(write_config: WriteConfig, tmp_path: Path) -> dict[str, str]:
    main(["fit", "--config", write_config(with_recorder, name="undisturbed")])
    steps = steps_of(tmp_path / "undisturbed")
    assert list(steps) == [str(step) for step in range(NUM_STEPS)]
    return steps


@pytest.mark.slow
def test_continued_run_meets_the_same_ids_and_losses(
    undisturbed: dict[str, str], write_config: WriteConfig, tmp_path: Path
) -> None:
    """In mid-epoch (1, 5), at the end of an epoch (2, 4), after a validation (3)."""
    for stopped_at in (1, 2, 3, 4, 5):
        name = f"stopped_at_{stopped_at}"
        stopped = write_config(lambda c, at=stopped_at: with_recorder(c, at), name=name)
        with pytest.raises(RuntimeError, match="stopped on purpose"):
            main(["fit", "--config", stopped])
        continued = write_config(with_recorder, name=name)
        main(["fit", "--config", continued, "--ckpt_path", "last"])
        assert steps_of(tmp_path / name) == undisturbed, stopped_at


@pytest.mark.slow
@pytest.mark.parametrize("signal", ["SIGKILL", "SIGTERM"])
def test_killed_run_continues_bit_for_bit(
    signal: str, undisturbed: dict[str, str], write_config: WriteConfig, tmp_path: Path
) -> None:
    def run(kill_at: int, *flags: str) -> subprocess.CompletedProcess[str]:
        config = write_config(lambda c: with_recorder(c, kill_at, signal), name="killed")
        command = [sys.executable, "-m", "train", "fit", "--config", config, *flags]
        # bit for bit holds for one number of threads
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )

    assert run(5, "--checkpoint.every_n_steps", "2").returncode != 0
    assert len(steps_of(tmp_path / "killed")) < NUM_STEPS
    assert run(-1, "--ckpt_path", "last").returncode == 0
    assert steps_of(tmp_path / "killed") == undisturbed
