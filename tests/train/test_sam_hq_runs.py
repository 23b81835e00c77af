"""SAM-HQ by its shipped configuration, at a size that a test can train."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

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


@pytest.mark.slow
def test_photos_without_masks_are_refused_before_a_folder_is_claimed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = save_tiny_sam_hq(tmp_path / "sam_hq")
    (tmp_path / "photos").mkdir()
    model = tmp_path / "model.yaml"
    model.write_text(yaml.safe_dump({"model": yaml.safe_load(CONFIG.read_text())["model"]}))
    cv2.imwrite(str(tmp_path / "photos" / "a.png"), np.zeros((50, 40, 3), np.uint8))
    with pytest.raises(SystemExit) as leaving:
        main(
            [
                *(
                    "predict",
                    "--config",
                    str(model),
                    "--config",
                    str(CONFIG.parent / "predict.yaml"),
                ),
                *("--model.net.weights", str(weights), "--data.size", str(SIZE)),
                *("--data.root", str(tmp_path / "photos"), "--data.num_workers", "0"),
                *("--trainer.accelerator", "cpu", "--trainer.default_root_dir", str(tmp_path)),
            ]
        )
    assert leaving.value.code == 2
    assert "SamHQ is told by the true mask where the object is" in capsys.readouterr().err
    assert not (tmp_path / "predictions").exists()
