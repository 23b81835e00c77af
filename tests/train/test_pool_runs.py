"""A run that draws from a growing set can be replayed, whatever the stops, workers and ranks."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.train.pool_toys import publish_shard
from train.cli import main

ROOT = Path(__file__).parents[2]
WriteConfig = Callable[..., str]
Config = dict  # type: ignore[type-arg]
NUM_STEPS = 9
LOG = "pool.0.jsonl"
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def one_thread(importable_toys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums depend on the number of threads in their last bits."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def pooled(
    pool: Path,
    *,
    num_workers: int = 0,
    kill_at: int = -1,
    signal: str = "",
    at: tuple[int, ...] = (),
) -> Callable[[Config], None]:
    recorder = {"kill_at": kill_at, "with_signal": signal}
    publisher = {"root": str(pool), "at": list(at)}

    def change(config: Config) -> None:
        config["trainer"]["max_steps"] = NUM_STEPS
        config["trainer"]["callbacks"] = [
            {"class_path": "pool_toys.Publisher", "init_args": publisher},
            {"class_path": "toys.Recorder", "init_args": recorder},
        ]
        # else two ranks draw other noise than one
        config["model"]["init_args"]["net"]["init_args"]["net"]["init_args"]["dropout"] = 0.0
        config["data"]["init_args"]["num_workers"] = num_workers
        config["data"]["init_args"]["mixture"] = {
            "share": {
                "class_path": "datamodules.mixture_share.Constant",
                "init_args": {"value": 0.8},
            },
            "pools": [{"root": str(pool), "max_echo": 2, "every": 1}],
        }

    return change


def ids_by_step(run: Path, rank: int = 0) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for line in (run / f"steps.{rank}.txt").read_text().splitlines():
        step, *ids, _ = line.split()
        assert found.setdefault(int(step), ids) == ids  # a step that was repeated met the same
    return found


def losses_by_step(run: Path) -> dict[str, str]:
    lines = (run / "steps.0.txt").read_text().splitlines()
    return {line.split()[0]: line.split()[-1] for line in lines}


def run_in_process(config: str, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "train", "fit", "--config", config, *flags]
    return subprocess.run(
        command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False
    )


def test_run_before_the_first_shard_is_real_and_a_fresh_one_begins_another_log(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    pool, run = tmp_path / "pool", tmp_path / "run"
    config = write_config(pooled(pool))
    main(["fit", "--config", config])
    assert all("made" not in id for ids in ids_by_step(run).values() for id in ids)
    (facts,) = json.loads((run / "timing.json").read_text())["pools"]
    assert facts["num_asked"] > 0
    assert (facts["num_had"], facts["share_had"], facts["max_echo"]) == (0, 0.0, 0)
    publish_shard(pool, 0)
    (run / "steps.0.txt").unlink()
    main(["fit", "--config", config])
    made = [id for ids in ids_by_step(run).values() for id in ids if "made" in id]
    assert sorted(made) == ["made~000-0"] * 2 + ["made~000-1"] * 2
    (facts,) = json.loads((run / "timing.json").read_text())["pools"]
    assert (facts["num_had"], facts["num_drawn"], facts["mean_echo"]) == (4, 2, 2.0)
    assert facts["sizes"] == [[0, 2]]


def test_trial_leaves_the_log_of_a_run_alone(write_config: WriteConfig, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / LOG).write_text("kept")
    config = write_config(pooled(tmp_path / "pool"))
    main(["fit", "--config", config, "--trainer.fast_dev_run", "1"])
    assert (tmp_path / "run" / LOG).read_text() == "kept"


def test_killed_run_goes_on_and_its_log_replays_it_for_workers_and_ranks(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    pool, start, killed = tmp_path / "pool", tmp_path / "start", tmp_path / "killed"
    with pytest.raises(RuntimeError, match="stopped on purpose"):
        main(["fit", "--config", write_config(pooled(pool, kill_at=2), name="start")])
    shutil.copytree(start, killed)
    at = (2, 3, 4, 6, 7)
    dying = pooled(pool, num_workers=1, kill_at=8, signal="SIGKILL", at=at)
    flags = ["--ckpt_path", "last", "--checkpoint.every_n_steps", "3"]
    assert run_in_process(write_config(dying, name="killed"), *flags).returncode < 0
    continued = write_config(pooled(pool, num_workers=1, at=at), name="killed")
    main(["fit", "--config", continued, "--ckpt_path", "last"])
    expected = ids_by_step(killed)
    assert sorted(expected) == list(range(NUM_STEPS))
    assert any("made" in id for ids in expected.values() for id in ids)

    def replayed(name: str, num_workers: int) -> tuple[Path, list[str]]:
        shutil.copytree(start, tmp_path / name)
        shutil.copy(killed / LOG, tmp_path / name)
        config = write_config(pooled(pool, num_workers=num_workers), name=name)
        return tmp_path / name, ["--config", config, "--ckpt_path", "last"]

    for num_workers in (0, 2):
        run, arguments = replayed(f"workers_{num_workers}", num_workers)
        main(["fit", *arguments])
        assert ids_by_step(run) == expected
        assert losses_by_step(run) == losses_by_step(killed)
    run, (_, config, *flags) = replayed("two", 1)
    flags += ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
    done = run_in_process(config, *flags)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = ids_by_step(run), ids_by_step(run, rank=1)
    assert {step: first[step] + second[step] for step in second} == {
        step: ids for step, ids in expected.items() if step in second
    }
    assert (run / LOG).read_bytes().startswith((killed / LOG).read_bytes())


def test_two_ranks_of_a_fresh_run_draw_what_one_does(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    pool = tmp_path / "pool"
    for number in range(3):
        publish_shard(pool, number)
    main(["fit", "--config", write_config(pooled(pool), name="one")])
    flags = ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
    done = run_in_process(write_config(pooled(pool, num_workers=1), name="two"), *flags)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = (ids_by_step(tmp_path / "two", rank) for rank in range(2))
    one = ids_by_step(tmp_path / "one")
    assert {step: first[step] + second[step] for step in first} == one
    assert any("made" in id for ids in one.values() for id in ids)
