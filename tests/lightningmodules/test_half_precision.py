"""Every network of `configs/dis` predicts and is tested in half precision, of both kinds."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from segmentation_models_pytorch import Unet
from torch import nn

from datamodules.dis5k import DIS5K, Splits
from datamodules.photos import PhotoFolder
from lightningmodules.dis import DIS
from lightningmodules.losses import BCE, DeepSupervision
from networks.adapter import ImageInput, MaskInput
from networks.birefnet import BiRefNet
from networks.fp_dis import FPDIS
from networks.isnet import ISNet, ISNetGTEncoder
from networks.sam_hq import SamHQ
from networks.swin import Swin
from networks.u2net import U2NetP
from networks.udun import UDUN
from tests.networks import tiny_sam_hq

pytestmark = [
    pytest.mark.filterwarnings("ignore:Attribute '.*' is an instance of `nn.Module`"),
    # a CPU has no float16 autocast in Lightning, which takes bfloat16 instead and says so
    pytest.mark.filterwarnings("ignore:You passed .*precision='16-mixed'.* but AMP with fp16"),
    # hooks of `networks.sam_hq_decoder` cannot be pickled; the command line gives no objects
    pytest.mark.filterwarnings("ignore:Attribute 'net' removed from hparams"),
]


def birefnet() -> nn.Module:
    return BiRefNet(Swin(8, (1, 2, 1, 1), heads=(1, 2, 2, 4), window=4))


def unet() -> nn.Module:
    return Unet("resnet18", encoder_depth=3, encoder_weights=None, decoder_channels=(8, 8, 8))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "isnet": (partial(ISNet, width=0.0625), 32),
    "u2netp": (U2NetP, 32),
    "birefnet": (birefnet, 32),
    "udun": (partial(UDUN, 256), 256),
    "fp_dis": (partial(FPDIS, "resnet18", channels=8), 56),  # no power of 2, for its transform
    "unet": (unet, 32),
}
PRECISIONS = ("bf16-true", "16-true", "bf16-mixed", "16-mixed")


def model_of(net: nn.Module, *, channels_last: bool = False) -> DIS:
    sgd = partial(torch.optim.SGD, lr=0.1)
    loss = DeepSupervision({"bce": BCE()})
    return DIS(net, loss, sgd, channels_last=channels_last, skeletons=None)


def trainer_of(precision: str) -> Trainer:
    return Trainer(
        precision=precision,  # type: ignore[arg-type]  # a list of literals
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_predict_batches=1,
        limit_test_batches=1,
    )


def run(model: DIS, data: Path, size: int, precision: str) -> None:
    """Predict photos, some of them in tiles, and test."""
    photos = PhotoFolder(data / "DIS-TE1" / "im", size=size, batch_size=2, finer=1.2, num_workers=0)
    found = trainer_of(precision).predict(model, photos)
    assert found is not None
    maps = [x for batch in found for x in batch]  # type: ignore[union-attr]
    assert [(x.dtype, tuple(x.shape)) for x in maps] == [(torch.uint8, (40, 48))] * len(maps)
    score(model, data, size, precision)


def score(model: DIS, data: Path, size: int, precision: str) -> None:
    splits = Splits(test=["DIS-TE1"])
    truths = DIS5K(data, size=size, batch_size=2, cache=None, num_workers=0, splits=splits)
    (scores,) = trainer_of(precision).test(model, truths, verbose=False)
    assert 0 <= scores["test/max_f"] <= 1


@pytest.mark.slow
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", NETWORKS)
def test_network_runs_in_half_precision(name: str, precision: str, tiny_set: Path) -> None:
    make, size = NETWORKS[name]
    divisor = 32 if name in {"birefnet", "unet"} else 1
    model = model_of(ImageInput(make(), divisor=divisor), channels_last=name != "birefnet")
    run(model, tiny_set, size, precision)


@pytest.mark.slow
@pytest.mark.parametrize("precision", PRECISIONS)
def test_encoder_of_masks_runs_in_half_precision(precision: str, tiny_set: Path) -> None:
    model = model_of(MaskInput(ISNetGTEncoder(width=0.0625)), channels_last=True)
    run(model, tiny_set, 32, precision)


@pytest.mark.slow
@pytest.mark.parametrize("precision", PRECISIONS)
def test_sam_hq_runs_in_half_precision(precision: str, tiny_set: Path, tmp_path: Path) -> None:
    """Tested alone: it is told where the object is, which predict refuses."""
    folder = tiny_sam_hq.save_tiny_sam_hq(tmp_path / "sam_hq")
    score(model_of(SamHQ(str(folder))), tiny_set, tiny_sam_hq.SIZE, precision)
