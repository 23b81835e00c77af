"""Files in the layout of the official codes are tested by the shipped configurations."""

import csv
from pathlib import Path

import pytest
import torch
from torch import nn

from networks.birefnet import BiRefNet
from networks.swin import Swin
from networks.u2net import U2NetP
from train.cli import main

ROOT = Path(__file__).parents[2]


def small_birefnet() -> nn.Module:
    return BiRefNet(Swin(8, (1, 2, 1, 1), heads=(1, 2, 2, 4), window=4))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "net", "overlaid"), [("u2netp", U2NetP, False), ("birefnet", small_birefnet, True)]
)
def test_official_file_is_scored(
    name: str, net: type, overlaid: bool, tiny_set: Path, tmp_path: Path
) -> None:
    state = {f"module._orig_mod.{key}": x for key, x in net().state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "official.pth")
    overlay = ("--config", str(ROOT / "tests" / "overlays" / "dis" / f"{name}.yaml"))
    main(
        [
            *("test", "--config", str(ROOT / "configs" / "dis" / f"{name}.yaml")),
            *(overlay if overlaid else ()),
            *("--model.net.weights", str(tmp_path / "official.pth"), "--model.skeletons", "null"),
            *("--trainer.accelerator", "cpu", "--trainer.default_root_dir", str(tmp_path)),
            *("--trainer.logger", "lightning.pytorch.loggers.CSVLogger"),
            *("--trainer.logger.save_dir", str(tmp_path), "--trainer.logger.name", "log"),
            *("--trainer.enable_progress_bar", "false"),
            *("--data.root", str(tiny_set), "--data.cache", str(tmp_path / "cache")),
            *("--data.size", "32", "--data.num_workers", "0", "--data.splits.test", "[DIS-TE1]"),
        ]
    )
    with (tmp_path / "log" / "version_0" / "metrics.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert 0 <= float(row["test/max_f"]) <= 1
