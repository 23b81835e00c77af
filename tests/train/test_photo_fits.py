"""Each network of `configs/dis` learns from real photos within twenty steps.

Photos are not shipped: SEGFOUNDRY_PHOTOS names a folder of them in the layout of DIS5K.
"""

import csv
import os
import shutil
from pathlib import Path

import pytest
import torch

from tests.networks.tiny_sam_hq import save_tiny_sam_hq
from train.cli import main

ROOT = Path(__file__).parents[2]
CONFIGS, OVERLAYS = ROOT / "configs" / "dis", ROOT / "tests" / "overlays" / "dis"
NUM_STEPS = 20
MAX_STEPS = 22  # in the last twelfth of a run BiRefNet leaves terms of its loss out
RANDOM_SWIN = (
    *("--model.net.net.backbone", "networks.swin.SwinT"),
    *("--model.net.net.backbone.weights", "null"),
)
LEAST_UDUN = (
    *("--config", str(OVERLAYS / "udun.yaml"), "--data.size", "256", "--data.batch_size", "1"),
)
WITHOUT_STAGE_1 = ("--config", str(OVERLAYS / "isnet.yaml"), "--data.size", "64")
RANDOM_RESNET = (
    *("--model.net.net.backbone", "resnet18", "--model.net.net.pretrained", "false"),
    *("--model.schedule", "null"),  # its warm-up alone has 500 steps
)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A few of the photos, so that the check of the set takes no time."""
    source = Path(os.environ.get("SEGFOUNDRY_PHOTOS", ""), "DIS-TR")
    if not source.is_dir():
        pytest.skip("SEGFOUNDRY_PHOTOS names no folder with DIS-TR")
    masks = {path.stem: path for path in (source / "gt").iterdir()}
    images = sorted((source / "im").iterdir())[:18]
    for number, image in enumerate(images):
        folder = tmp_path / "photos" / ("DIS-TR" if number < 16 else "DIS-VD")
        for part, path in (("im", image), ("gt", masks[image.stem])):
            (folder / part).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / part)
    return tmp_path / "photos"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("isnet", WITHOUT_STAGE_1),
        ("u2net", ()),
        ("u2netp", ()),
        ("birefnet", RANDOM_SWIN),
        ("fp_dis", RANDOM_RESNET),
        ("udun", LEAST_UDUN),
    ],
    ids=["isnet", "u2net", "u2netp", "birefnet", "fp_dis", "udun"],
)
def test_loss_falls_within_twenty_steps(
    name: str, flags: tuple[str, ...], photos: Path, tmp_path: Path
) -> None:
    losses = fitted(name, flags, photos, tmp_path)
    assert sum(losses[NUM_STEPS - 5 : NUM_STEPS]) < sum(losses[:5])


@pytest.mark.slow
def test_loss_of_a_prompted_network_falls_within_twenty_steps(photos: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)  # the weights are random
    weights = str(save_tiny_sam_hq(tmp_path / "sam_hq"))
    losses = fitted("sam_hq", ("--model.net.weights", weights), photos, tmp_path)
    assert sum(losses[NUM_STEPS - 5 : NUM_STEPS]) < sum(losses[:5])


def fitted(name: str, flags: tuple[str, ...], photos: Path, folder: Path) -> list[float]:
    """Return the loss of each step of a configuration on the photos."""
    main(
        [
            *("fit", "--config", str(CONFIGS / f"{name}.yaml")),
            *("--trainer.accelerator", "cpu", "--trainer.default_root_dir", str(folder)),
            *("--trainer.max_steps", str(MAX_STEPS), "--trainer.log_every_n_steps", "1"),
            *("--trainer.val_check_interval", str(NUM_STEPS)),
            *("--trainer.num_sanity_val_steps", "0", "--trainer.enable_progress_bar", "false"),
            *("--trainer.enable_model_summary", "false"),
            *("--trainer.logger", "lightning.pytorch.loggers.CSVLogger"),
            *("--trainer.logger.save_dir", str(folder), "--trainer.logger.name", "log"),
            *("--data.root", str(photos), "--data.cache", str(folder / "cache")),
            *("--data.size", "64", "--data.batch_size", "2", "--data.num_workers", "0", *flags),
        ]
    )
    with (folder / "log" / "version_0" / "metrics.csv").open() as file:
        losses = [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert len(losses) == MAX_STEPS
    return losses
