"""A mask editor is trained by the command line, and a segmenter on what it makes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from train.cli import main

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
OVERLAYS = ROOT / "tests" / "overlays"
pytestmark = pytest.mark.slow


def shipped(name: str, data: Path, run: Path, max_steps: int) -> list[str]:
    """Return the flags that run a shipped configuration in small."""
    return [
        *("--config", str(CONFIGS / name), "--config", str(OVERLAYS / name)),
        *("--trainer.accelerator", "cpu", "--trainer.default_root_dir", str(run)),
        *("--trainer.max_steps", str(max_steps), "--trainer.enable_progress_bar", "false"),
        *("--data.root", str(data), "--data.cache", str(run / "cache"), "--data.source", "null"),
    ]


def started(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "train", *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


TWO_PROCESSES = ("--trainer.devices=2", "--trainer.strategy=ddp_find_unused_parameters_true")


def best_score(run: Path) -> float:
    callbacks = torch.load(run / "checkpoints/last.ckpt", weights_only=True)["callbacks"]
    (score,) = (
        float(state["best_model_score"])
        for name, state in callbacks.items()
        if "val/kid" in name and state["best_model_score"] is not None
    )
    return score


def test_two_processes_train_the_editor_of_one(
    make_set: Callable[..., Path], tmp_path: Path
) -> None:
    # neither process has the four validation masks that its score needs, both together have
    data = make_set(tmp_path / "set", train=8, val=5, test=1)
    flags = {
        name: [
            *shipped("mask_editor/quickstart.yaml", data, tmp_path / name, 8),
            *("--data.batch_size", "8", "--trainer.val_check_interval", "1"),
            # not Adam: it makes whole steps of gradients that only rounding keeps from 0
            *("--model.optimizer", "{class_path: torch.optim.SGD, init_args: {lr: 0.05}}"),
            "--model.discriminator_optimizer",
            "{class_path: torch.optim.SGD, init_args: {lr: 0.05}}",
        ]
        for name in ("one", "two")
    }
    main(["fit", *flags["one"]])
    done = started("fit", *flags["two"], *TWO_PROCESSES)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr
    one, two = (load_file(tmp_path / name / "weights.safetensors") for name in ("one", "two"))
    untrained = {"velocity.weight", "velocity.bias"}  # begin at 0
    assert all(one[name].any() for name in untrained)
    for name, expected in one.items():
        torch.testing.assert_close(two[name], expected, atol=1e-5, rtol=1e-4)
    assert (tmp_path / "two" / "checkpoints" / "best.ckpt").is_file()
    assert best_score(tmp_path / "two") == pytest.approx(best_score(tmp_path / "one"), rel=1e-3)


def test_too_few_validation_masks_end_both_processes_with_one_line(
    make_set: Callable[..., Path], tmp_path: Path
) -> None:
    data = make_set(tmp_path / "set", train=8, val=3, test=1)
    flags = shipped("mask_editor/quickstart.yaml", data, tmp_path / "run", 8)
    done = started("fit", *flags, *TWO_PROCESSES)
    assert done.returncode == 2, done.stderr
    assert "error: 3 validation masks are too few for val/kid, which needs 4" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_killed_and_continued_run_leaves_the_weights_of_an_undisturbed_one(
    make_set: Callable[..., Path], tmp_path: Path
) -> None:
    data = make_set(tmp_path / "set", train=8, val=4, test=1)
    undisturbed, killed = (
        shipped("mask_editor/quickstart.yaml", data, tmp_path / name, 12)
        for name in ("undisturbed", "killed")
    )
    main(["fit", *undisturbed])
    # batches 0 to 3 are an epoch; two optimizer steps each, a checkpoint after batches 1 and 3
    often = ("--checkpoint.every_n_steps", "4")
    killer = "{class_path: editor_toys.Killed, init_args: {at_batch: 3}}"
    assert started("fit", *killed, *often, "--trainer.callbacks+", killer).returncode == -9
    assert not (tmp_path / "killed" / "weights.safetensors").exists()
    done = started("fit", *killed, *often, "--ckpt_path", "last")
    assert done.returncode == 0, done.stderr
    one, two = (tmp_path / name / "weights.safetensors" for name in ("undisturbed", "killed"))
    assert one.read_bytes() == two.read_bytes()


def test_mixture_trains_on_edits_of_the_editor_that_fit_left(
    make_set: Callable[..., Path], tiny_set: Path, tmp_path: Path
) -> None:
    data = make_set(tmp_path / "set", val=4)  # fewer have no score
    main(["fit", *shipped("mask_editor/quickstart.yaml", data, tmp_path / "editor", 4)])
    net = (
        "{class_path: networks.mask_editor.FlowMaskEditor, init_args: "
        f"{{width: 4, weights: {tmp_path}/editor/weights.safetensors}}}}"
    )
    edit = (
        f"{{class_path: generation.edits.adversarial.AdversarialEdit, init_args: {{net: {net}}}}}"
    )
    main(
        [
            *("fit", *shipped("dis/mixture.yaml", tiny_set, tmp_path / "run", 4)),
            *("--data.mixture.synthesis.chains", f"[{{edits: [{edit}]}}]"),
            *("--trainer.callbacks+", "toys.Recorder"),
        ]
    )
    steps = (tmp_path / "run" / "steps.0.txt").read_text()
    assert "~adversarial-" in steps
    assert not list((tmp_path / "run").glob("synthesis_failures.*.csv"))
