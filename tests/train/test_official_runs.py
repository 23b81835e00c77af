"""Files in the layout of the official codes are tested by the shipped configurations."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from networks.birefnet import BiRefNet
from networks.isnet import ISNet
from networks.swin import Swin
from networks.u2net import U2Net, U2NetP
from networks.udun import UDUN
from tests.networks.tiny_sam_hq import save_official_layout
from train.cli import main

ROOT = Path(__file__).parents[2]
OVERLAYS = ROOT / "tests" / "overlays" / "dis"


def small_birefnet() -> nn.Module:
    return BiRefNet(Swin(8, (1, 2, 1, 1), heads=(1, 2, 2, 4), window=4))


def small_udun() -> nn.Module:
    return UDUN(256)  # of the same keys and shapes as that of 1024 px


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "net", "flags"),
    [
        ("isnet_released", ISNet, ()),
        ("u2net", U2Net, ()),
        ("u2netp", U2NetP, ()),
        ("birefnet", small_birefnet, ("--config", str(OVERLAYS / "birefnet.yaml"))),
        ("udun", small_udun, ("--config", str(OVERLAYS / "udun.yaml"), "--data.size", "256")),
    ],
    ids=["isnet", "u2net", "u2netp", "birefnet", "udun"],
)
def test_official_file_is_scored(
    name: str, net: Callable[[], nn.Module], flags: tuple[str, ...], tiny_set: Path, tmp_path: Path
) -> None:
    state = {f"module._orig_mod.{key}": x for key, x in net().state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "official.pth")
    check_scores(name, tiny_set, tmp_path, *flags)


@pytest.mark.slow
def test_official_file_of_a_prompted_network_is_scored(tiny_set: Path, tmp_path: Path) -> None:
    save_official_layout(tmp_path / "official.pth")
    check_scores("sam_hq", tiny_set, tmp_path, "--data.size", "64")
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Protocol: prompted: the network was given the box around each true mask" in page


def check_scores(name: str, data: Path, folder: Path, *flags: str) -> None:
    """Test ``official.pth`` in the folder by a shipped configuration."""
    main(
        [
            *("test", "--config", str(ROOT / "configs" / "dis" / f"{name}.yaml")),
            *("--trainer.accelerator", "cpu", "--trainer.default_root_dir", str(folder)),
            *("--trainer.logger", "lightning.pytorch.loggers.CSVLogger"),
            *("--trainer.logger.save_dir", str(folder), "--trainer.logger.name", "log"),
            *("--trainer.enable_progress_bar", "false", "--model.skeletons", "null"),
            *("--data.root", str(data), "--data.cache", str(folder / "cache")),
            *("--data.size", "32", "--data.num_workers", "0", "--data.splits.test", "[DIS-TE1]"),
            *flags,
            *("--model.net.weights", str(folder / "official.pth")),
        ]
    )
    with (folder / "log" / "version_0" / "metrics.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert 0 <= float(row["test/max_f"]) <= 1
