"""A mask editor is trained by the command line, and a segmenter on what it makes."""

from pathlib import Path

import pytest

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


def test_mixture_trains_on_edits_of_the_editor_that_fit_left(
    importable_toys: None, tiny_set: Path, tmp_path: Path
) -> None:
    main(["fit", *shipped("mask_editor/quickstart.yaml", tiny_set, tmp_path / "editor", 4)])
    net = (
        "{class_path: networks.mask_editor.FlowMaskEditor, init_args: "
        f"{{width: 4, weights: {tmp_path}/editor/weights.safetensors}}}}"
    )
    edit = (
        "{class_path: generation.edits.adversarial.AdversarialEdit, "
        f"init_args: {{size: 32, net: {net}}}}}"
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
