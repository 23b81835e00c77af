"""Every promptless network of `configs/dis` cuts out photos of any size by ``predict``."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from train.cli import main

ROOT = Path(__file__).parents[2]
CONFIGS, OVERLAYS = ROOT / "configs" / "dis", ROOT / "tests" / "overlays" / "dis"
SIZES = {"odd": (37, 53), "tiny": (1, 3), "wide": (16, 500), "4k": (2160, 3840)}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number, (name, size) in enumerate(SIZES.items()):
        rng = np.random.default_rng(number)
        coarse = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
        assert cv2.imwrite(str(folder / f"{name}.jpg"), cv2.resize(coarse, size[::-1]))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["isnet_released", "u2net", "u2netp", "birefnet", "udun", "fp_dis"]
)
def test_masks_have_the_sizes_of_the_photos(name: str, photos: Path, tmp_path: Path) -> None:
    size = "256" if name == "udun" else "64"
    main(
        [
            *("predict", "--config", str(CONFIGS / f"{name}.yaml")),
            *(
                "--config",
                str(OVERLAYS / f"{name}.yaml"),
                "--config",
                str(CONFIGS / "predict.yaml"),
            ),
            *("--trainer.accelerator", "cpu", "--trainer.default_root_dir", str(tmp_path)),
            *("--trainer.enable_progress_bar", "false"),
            *("--data.root", str(photos), "--data.size", size, "--data.num_workers", "0"),
        ]
    )
    for photo, size_of_photo in SIZES.items():
        mask = cv2.imread(str(tmp_path / "predictions/masks" / f"{photo}.png"), -1)
        cutout = cv2.imread(str(tmp_path / "predictions/cutouts" / f"{photo}.png"), -1)
        assert mask.shape == size_of_photo
        assert cutout.shape == (*size_of_photo, 4)
        assert (cutout[..., 3] == mask).all()
