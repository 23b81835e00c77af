"""SAM-HQ by its shipped configuration, at a size that a test can train."""

from pathlib import Path

import pytest

from tests.networks.tiny_sam_hq import SIZE, save_tiny_sam_hq
from train.cli import main

CONFIG = Path(__file__).parents[2] / "configs" / "dis" / "sam_hq.yaml"


@pytest.mark.slow
def test_configuration_runs_a_batch(tiny_set: Path, tmp_path: Path) -> None:
    weights = save_tiny_sam_hq(tmp_path / "sam_hq")
    main(
        [
            *("fit", "--config", str(CONFIG), "--model.net.weights", str(weights)),
            *("--trainer.fast_dev_run", "1", "--trainer.enable_progress_bar", "false"),
            *("--trainer.accelerator", "cpu", "--trainer.default_root_dir", str(tmp_path)),
            *("--data.root", str(tiny_set), "--data.cache", str(tmp_path / "cache")),
            *("--data.size", str(SIZE), "--data.batch_size", "2", "--data.num_workers", "0"),
        ]
    )
    assert (tmp_path / "cache" / "checked.json").is_file()
