"""Networks of checkpoints, built where nothing is that their training started from."""

from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import torch
from jsonargparse import ArgumentParser
from lightning.pytorch import LightningModule
from torch import nn

from networks.sam_hq import SamHQ
from tests.networks.tiny_sam_hq import save_tiny_sam_hq
from train.cut_out import CutOut
from train.remembered import read_checkpoint, remembered_model

pytestmark = pytest.mark.filterwarnings("ignore:Attribute '.*' is an instance of `nn.Module`")
Branch = dict[str, Any]


def of_image(class_path: str, **arguments: object) -> Branch:
    net = {"class_path": class_path, "init_args": arguments}
    return {"class_path": "networks.adapter.ImageInput", "init_args": {"net": net}}


def checkpoint_of(net: Branch) -> Branch:
    """Return what a run leaves, but for the weights."""
    bce = {"class_path": "lightningmodules.losses.BCE"}
    loss = {
        "class_path": "lightningmodules.losses.DeepSupervision",
        "init_args": {"terms": {"bce": bce}},
    }
    optimizer = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.1}}
    return {
        "pytorch-lightning_version": "2.6.6",
        "hyper_parameters": {
            "_class_path": "lightningmodules.dis.DIS",
            **{"net": net, "loss": loss, "optimizer": optimizer},
        },
    }


def rebuilt(checkpoint: Branch, path: Path) -> nn.Module:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(LightningModule, "model")
    config = parser.parse_object({"model": remembered_model(checkpoint, path)})
    net: nn.Module = parser.instantiate_classes(config).model.net
    return net


@pytest.mark.parametrize(
    "net",
    [
        of_image("networks.udun.UDUN", size=256, backbone_weights="gone/resnet50.pth"),
        of_image("networks.fp_dis.FPDIS", backbone="resnet18", pretrained=True, channels=8),
        of_image("segmentation_models_pytorch.Unet", encoder_weights="imagenet"),
    ],
    ids=["udun", "fp_dis", "unet"],
)
def test_network_is_built_without_what_its_backbone_started_from(
    net: Branch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert any(True for _ in rebuilt(checkpoint_of(net), tmp_path / "last.ckpt").parameters())


def test_sam_hq_is_built_from_its_own_checkpoint(tmp_path: Path) -> None:
    source = SamHQ(str(save_tiny_sam_hq(tmp_path / "sam_hq")))
    net = {"class_path": "networks.sam_hq.SamHQ", "init_args": {"weights": "gone/sam_hq.pth"}}
    state = {f"net.{key}": x for key, x in source.state_dict().items()}
    path = tmp_path / "last.ckpt"
    torch.save({**checkpoint_of(net), "state_dict": state}, path)
    found = rebuilt(read_checkpoint(path), path).state_dict()
    assert found.keys() == source.state_dict().keys()
    assert all(x.equal(found[key]) for key, x in source.state_dict().items())


def test_cut_out_by_a_network_that_is_told_where_the_object_is_is_refused(tmp_path: Path) -> None:
    weights = str(save_tiny_sam_hq(tmp_path / "sam_hq"))
    net = {"class_path": "networks.sam_hq.SamHQ", "init_args": {"weights": weights}}
    state = {f"net.{key}": x for key, x in SamHQ(weights).state_dict().items()}
    path = tmp_path / "last.ckpt"
    torch.save({**checkpoint_of(net), "state_dict": state}, path)
    with pytest.raises(ValueError, match="SamHQ is told by the true mask where the object is"):
        CutOut(path, 64)


@pytest.mark.parametrize("pickled", [b"Repository Not Found", b"error", b"j000", b"Gone"])
def test_file_that_is_no_checkpoint_is_one_line(pickled: bytes, tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    path.write_bytes(pickled)  # what a failed download leaves
    with pytest.raises(ValueError, match=r"last\.ckpt is no checkpoint, or a broken one$"):
        read_checkpoint(path)
    torch.save({}, path)
    with ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    with ZipFile(path, "w") as damaged:
        for name, content in parts.items():
            damaged.writestr(name, pickled if name.endswith("data.pkl") else content)
    with pytest.raises(ValueError, match=r"last\.ckpt is no checkpoint, or a broken one$"):
        read_checkpoint(path)


def test_model_that_cannot_be_built_any_more_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    torch.save({**checkpoint_of({"class_path": "networks.none.Net"}), "state_dict": {}}, path)
    with pytest.raises(ValueError, match=r"networks\.none") as raised:
        CutOut(path, 64)
    assert len(str(raised.value).splitlines()) == 1
