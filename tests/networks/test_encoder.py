"""A trained network becomes an extractor of features with the weights that its fit has left."""

from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from networks.adapter import ImageInput
from networks.encoder import DeepestFeatures, EncoderFeatures
from networks.features import FeatureExtractor
from networks.isnet import ISNet

WIDTH = 1 / 16


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def unet() -> nn.Module:
    return smp.Unet(encoder_name="resnet18", encoder_weights=None, classes=1)


def left_by_fit(net: nn.Module, folder: Path) -> str:
    """The file that `callbacks.weights_writer.WeightsWriter` writes."""
    path = folder / "weights.safetensors"
    save_file(ImageInput(net).state_dict(), path)
    return str(path)


def test_trained_isnet_gives_its_deepest_map_averaged(tmp_path: Path) -> None:
    trained, pixels = ISNet(WIDTH).eval(), noise(2, 3, 64, 64)
    net = DeepestFeatures(ISNet(WIDTH))
    extractor = FeatureExtractor(net, 64, weights=left_by_fit(trained, tmp_path)).eval()
    expected = trained(pixels - 0.5).features[-1].mean((2, 3))
    torch.testing.assert_close(extractor(pixels), expected)


def test_trained_unet_gives_the_last_map_of_its_encoder_averaged(tmp_path: Path) -> None:
    trained, pixels = unet().eval(), noise(2, 3, 64, 64)
    net = EncoderFeatures(unet())
    extractor = FeatureExtractor(net, 64, weights=left_by_fit(trained, tmp_path)).eval()
    assert isinstance(trained.encoder, nn.Module)
    expected = trained.encoder(pixels - 0.5)[-1].mean((2, 3))
    assert expected.shape == (2, 512)
    torch.testing.assert_close(extractor(pixels), expected)


def test_network_without_features_is_refused() -> None:
    with pytest.raises(ValueError, match="Identity returns no features"):
        DeepestFeatures(nn.Identity())(noise(1, 3, 8, 8))


def test_network_without_encoder_is_refused() -> None:
    with pytest.raises(ValueError, match="ISNet has no encoder"):
        EncoderFeatures(ISNet(WIDTH))


def test_logits_are_refused_as_features() -> None:
    with pytest.raises(ValueError, match="one channel"):
        FeatureExtractor(unet(), 32).eval()(noise(1, 3, 32, 32))
