"""A network that this repository does not know is one file and one YAML: fit, test, predict."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.torch import load_file

from train.cli import main

ROOT = Path(__file__).parents[2]

MODULE = '''
from torch import Tensor, nn


class TwoLayers(nn.Module):
    """Two convolutions and one map of half the size."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, width, 3, stride=2, padding=1)
        self.out = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return self.out(self.down(image).relu())
'''
CONFIG = """
model: {init_args: {net: {init_args: {divisor: 1, net: {
  class_path: further_network.TwoLayers, init_args: {width: 6}}}}}}
"""


@pytest.mark.slow
def test_one_file_and_one_yaml_train_score_and_cut_out(
    tiny_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "further_network.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path / "code"))  # as PYTHONPATH does
    config, run = tmp_path / "further.yaml", tmp_path / "run"
    config.write_text(CONFIG)
    laid_over = [
        *("--config", str(ROOT / "configs" / "dis" / "unet.yaml"), "--config", str(config)),
        *("--trainer.accelerator", "cpu", "--trainer.default_root_dir", str(run)),
        *("--trainer.enable_progress_bar", "false", "--trainer.max_steps", "2"),
        *("--model.skeletons", "null", "--data.size", "32", "--data.num_workers", "0"),
    ]
    of_pairs = ["--data.root", str(tiny_set), "--data.cache", str(tmp_path / "cache")]
    main(["fit", *laid_over, *of_pairs, "--trainer.val_check_interval", "2"])
    shapes = {tuple(x.shape) for x in load_file(run / "weights.safetensors").values()}
    assert shapes == {(6, 3, 3, 3), (6,), (1, 6, 3, 3), (1,)}
    checkpoint = ["--ckpt_path", str(run / "checkpoints" / "best.ckpt")]
    main(["test", *laid_over, *of_pairs, *checkpoint])
    assert (run / "report" / "metrics.json").is_file()
    photos = tmp_path / "photos"
    photos.mkdir()
    cv2.imwrite(str(photos / "a.png"), np.random.default_rng(0).integers(0, 256, (37, 53, 3)))
    main(
        [
            *("predict", *checkpoint, "--config", str(ROOT / "configs" / "dis" / "predict.yaml")),
            *("--data.root", str(photos), "--trainer.default_root_dir", str(run)),
            *("--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"),
        ]
    )
    assert cv2.imread(str(run / "predictions" / "masks" / "a.png"), -1).shape == (37, 53)
