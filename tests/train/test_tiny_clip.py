"""A small CLIP from captions of scenes, by the command line, as the folder that others load."""

from pathlib import Path

import pytest

from networks.clip_model import clip_model
from networks.clip_text import embed_names
from train.cli import main

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_captions_are_drawn_and_a_clip_is_trained_and_loaded(tmp_path: Path) -> None:
    pairs, run = tmp_path / "pairs", tmp_path / "run"
    main(
        [
            *("predict", "--config", str(ROOT / "configs/generation/compositions.yaml")),
            *("--data.folder", str(pairs), "--data.shard_size", "4", "--data.num_workers", "0"),
            *("--data.source.number", "6", "--data.source.scenes.size", "32"),
            *("--trainer.default_root_dir", f"{pairs}.run"),
        ]
    )
    main(
        [
            *("fit", "--config", str(ROOT / "configs/clip_seg/train_tiny_clip.yaml")),
            *("--config", str(ROOT / "tests/overlays/clip_seg/train_tiny_clip.yaml")),
            *("--data.roots", f"[{pairs}]", "--trainer.default_root_dir", str(run)),
            *("--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"),
            *("--trainer.max_steps", "1", "--trainer.val_check_interval", "1"),
        ]
    )
    assert embed_names(clip_model(str(run / "clip")), ["red metal chair"]).shape == (1, 32)
