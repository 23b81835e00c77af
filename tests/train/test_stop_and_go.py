"""Disks that fill, kills inside a write, averages and accumulation: the run goes on as it was."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import which

import pytest
import torch
from safetensors.torch import load_file

from train.cli import main

ROOT = Path(__file__).parents[2]
WriteConfig = Callable[..., str]
Config = dict  # type: ignore[type-arg]
NUM_STEPS = 6
AVERAGING = {
    "class_path": "lightning.pytorch.callbacks.EMAWeightAveraging",
    "init_args": {"decay": 0.8},
}


@pytest.fixture(autouse=True)
def one_thread(importable_toys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums depend on the number of threads in their last bits; this process has one too."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def with_callbacks(*callbacks: Config, kill_at: int = -1) -> Callable[[Config], None]:
    recorder = {"class_path": "toys.Recorder", "init_args": {"kill_at": kill_at}}

    def change(config: Config) -> None:
        config["trainer"]["max_steps"] = NUM_STEPS
        config["trainer"]["callbacks"] = [*callbacks, recorder]

    return change


def toy(name: str, **arguments: int) -> Config:
    return {"class_path": f"toys.{name}", "init_args": arguments}


def steps_of(run: Path) -> dict[str, str]:
    lines = (run / "steps.0.txt").read_text().splitlines()
    return {line.split()[0]: line for line in lines}


def stop_and_go(
    write_config: WriteConfig, tmp_path: Path, change: Callable[[int], Callable[[Config], None]]
) -> None:
    """Compare a run that was never stopped with one that was stopped at batch 5."""
    main(["fit", "--config", write_config(change(-1), name="undisturbed")])
    with pytest.raises(RuntimeError, match="stopped on purpose"):
        main(["fit", "--config", write_config(change(5), name="stopped")])
    main(["fit", "--config", write_config(change(-1), name="stopped"), "--ckpt_path", "last"])
    undisturbed, stopped = tmp_path / "undisturbed", tmp_path / "stopped"
    assert steps_of(stopped) == steps_of(undisturbed)
    weights = [(run / "weights.safetensors").read_bytes() for run in (undisturbed, stopped)]
    assert weights[0] == weights[1]


@pytest.mark.slow
def test_averages_go_on_bit_for_bit_and_are_what_is_validated_and_written(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    callbacks = (AVERAGING, toy("ValidatedWeights"))
    stop_and_go(write_config, tmp_path, lambda stop: with_callbacks(*callbacks, kill_at=stop))
    validated = torch.load(tmp_path / "stopped/validated.pt", weights_only=True)
    saved = torch.load(tmp_path / "stopped/checkpoints/last.ckpt", weights_only=True)
    written = load_file(tmp_path / "stopped/weights.safetensors")
    for key, value in written.items():
        assert torch.equal(value, saved["state_dict"][f"net.{key}"])
        assert torch.equal(value, validated[f"net.{key}"])
        assert not torch.equal(value, saved["current_model_state"][f"net.{key}"])


@pytest.mark.slow
def test_run_goes_on_from_the_middle_of_an_accumulation(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    """Four batches an epoch, steps after the third and, as the epoch ends, the fourth."""

    def change(stop: int) -> Callable[[Config], None]:
        def accumulating(config: Config) -> None:
            with_callbacks(kill_at=stop)(config)
            config["trainer"]["accumulate_grad_batches"] = 3
            config["data"]["init_args"]["batch_size"] = 2

        return accumulating

    stop_and_go(write_config, tmp_path, change)
    assert len(steps_of(tmp_path / "stopped")) == 12


@pytest.mark.slow
def test_accumulated_batches_give_the_update_of_the_larger_batch(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    def change(batch_size: int) -> Callable[[Config], None]:
        def plain(config: Config) -> None:
            with_callbacks()(config)
            config["data"]["init_args"]["batch_size"] = batch_size
            config["trainer"]["accumulate_grad_batches"] = 8 // batch_size
            config["trainer"].pop("val_check_interval")
            config["trainer"]["limit_val_batches"] = 0
            net = config["model"]["init_args"]["net"]["init_args"]["net"]
            net["init_args"]["dropout"] = 0.0
            sgd = {"class_path": "torch.optim.SGD", "init_args": {"lr": 1.0}}
            config["model"]["init_args"]["optimizer"] = sgd

        return plain

    for name, batch_size in (("small", 2), ("large", 8)):
        main(["fit", "--config", write_config(change(batch_size), name=name)])
    small, large = (
        load_file(tmp_path / name / "weights.safetensors") for name in ("small", "large")
    )
    for key, value in large.items():
        torch.testing.assert_close(small[key], value, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_last_step_is_kept_and_a_longer_run_goes_on_from_it(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    def averaged_without_schedule(config: Config) -> None:
        with_callbacks(AVERAGING)(config)
        config["model"]["init_args"].pop("schedule")
        config["checkpoint"]["every_n_steps"] = 4

    long = write_config(averaged_without_schedule, name="long")
    main(["fit", "--config", long])
    extended = write_config(averaged_without_schedule, name="extended")
    main(["fit", "--config", extended, "--trainer.max_steps", "3"])
    path = tmp_path / "extended/checkpoints/last.ckpt"
    assert torch.load(path, weights_only=True)["global_step"] == 3
    main(["fit", "--config", extended, "--ckpt_path", "last"])
    assert steps_of(tmp_path / "extended") == steps_of(tmp_path / "long")
    weights = [
        (tmp_path / run / "weights.safetensors").read_bytes() for run in ("long", "extended")
    ]
    assert weights[0] == weights[1]


@pytest.mark.slow
def test_kill_in_the_middle_of_a_write_leaves_the_checkpoint_before_it(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    main(["fit", "--config", write_config(with_callbacks(), name="undisturbed")])
    killer = toy("KilledInWrite", at_step=4, num_bytes=6000)
    config = write_config(with_callbacks(killer), name="killed")
    command = [sys.executable, "-m", "train", "fit", "--config", config]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    checkpoints = tmp_path / "killed/checkpoints"
    assert process.returncode < 0  # by a signal
    assert (checkpoints / ".last.ckpt.part").stat().st_size == 6000
    assert torch.load(checkpoints / "last.ckpt", weights_only=True)["global_step"] == 3
    continued = write_config(with_callbacks(), name="killed")
    main(["fit", "--config", continued, "--ckpt_path", "last"])
    assert steps_of(tmp_path / "killed") == steps_of(tmp_path / "undisturbed")
    assert {path.name for path in checkpoints.iterdir()} == {"last.ckpt", "best.ckpt"}


FULL_DISK = """
mount -t tmpfs -o size=2m tmpfs {run}
{python} -m train fit --config {filling} 2> {out}/err
echo $? > {out}/code
cp -r {run}/checkpoints {out}
rm {run}/ballast
{python} -m train fit --config {continued} --ckpt_path last
code=$?
cp -r {run} {out}
exit $code
"""


def has_mount_namespaces() -> bool:
    command = ["unshare", "-m", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    return (
        which("unshare") is not None
        and not subprocess.run(command, capture_output=True, check=False).returncode
    )


@pytest.mark.slow
def test_full_disk_is_one_line_and_the_run_goes_on_once_there_is_room(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    if not has_mount_namespaces():
        pytest.skip("a disk of 2 MB needs unshare -m and mount, not allowed here")
    main(["fit", "--config", write_config(with_callbacks(), name="undisturbed")])
    change = with_callbacks(toy("DiskFiller", at_batch=3))
    (tmp_path / "full").mkdir()
    out = tmp_path / "out"
    out.mkdir()
    filling = write_config(change, name="full")
    filling = str(Path(filling).rename(tmp_path / "filling.yaml"))
    continued = write_config(with_callbacks(), name="full")
    script = FULL_DISK.format(
        run=tmp_path / "full", python=sys.executable, out=out, filling=filling, continued=continued
    )
    process = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    err = (out / "err").read_text()
    assert (out / "code").read_text() == "2\n"
    (line,) = (line for line in err.splitlines() if line.startswith("error: "))
    assert "No space left on device" in line
    assert str(tmp_path / "full/checkpoints/last.ckpt") in line
    assert "Traceback" not in err
    assert torch.load(out / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 3
    assert steps_of(out / "full") == steps_of(tmp_path / "undisturbed")
