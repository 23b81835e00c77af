"""Extractors load weights in the hub's layout, or refuse them, and say what they are."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from networks.features import FeatureExtractor, TimmFeatures, weights_hash
from networks.weights import WeightsError

SMALL = "test_resnet.r160_in1k"  # timm's own model for tests, 0.5 M parameters, 160 px


class ChannelMeans(nn.Module):
    """One number a channel, and a weight to be hashed."""

    def __init__(self, keeps_places: bool = False) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3, 1, 1))
        self.keeps_places = keeps_places

    def forward(self, x: Tensor) -> Tensor:
        x = self.scale * x
        return x if self.keeps_places else x.mean((2, 3))


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def hub_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository as timm has them on the hub: its keys in a safetensors file, drawn weights."""
    folder = tmp_path_factory.mktemp("hub")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = timm.create_model(SMALL)
    save_file(net.state_dict(), folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("keeps_places", [False, True])
def test_maps_are_averaged_over_their_places(keeps_places: bool) -> None:
    pixels = noise(2, 3, 8, 8)
    extractor = FeatureExtractor(ChannelMeans(keeps_places), 8, mean=(0, 0, 0))
    torch.testing.assert_close(extractor(pixels), pixels.mean((2, 3)))


def test_pixels_are_normalised() -> None:
    extractor = FeatureExtractor(ChannelMeans(), 8, mean=(0.1, 0.2, 0.3), std=(1, 2, 4))
    expected = torch.tensor([[0.4, 0.15, 0.05]])
    torch.testing.assert_close(extractor(torch.full((1, 3, 8, 8), 0.5)), expected)


def test_a_mask_is_repeated_to_three_channels() -> None:
    extractor, mask = FeatureExtractor(ChannelMeans(), 8), noise(2, 1, 8, 8)
    assert extractor(mask).equal(extractor(mask.repeat(1, 3, 1, 1)))


def test_the_network_is_frozen() -> None:
    assert not any(p.requires_grad for p in FeatureExtractor(ChannelMeans(), 8).parameters())


def test_a_network_that_returns_no_feature_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must return \(B, D\)"):
        FeatureExtractor(nn.Flatten(0), 8)(noise(2, 3, 8, 8))


@pytest.mark.parametrize(("mean", "std"), [((0.5,), (1, 1, 1)), ((0, 0, 0), (1, 0, 1))])
def test_wrong_statistics_are_refused(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="three values each"):
        FeatureExtractor(ChannelMeans(), 8, mean=mean, std=std)


def test_weights_of_a_network_of_ours_are_loaded_and_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"net.scale": torch.full((3, 1, 1), 2.0)}, path)
    extractor = FeatureExtractor(ChannelMeans(), 8, mean=(0, 0, 0), weights=str(path))
    assert extractor(torch.ones(1, 3, 8, 8)).tolist() == [[2, 2, 2]]
    assert extractor.name == f"ChannelMeans of {path}, 8 px"


def test_timm_features_are_those_before_the_last_layer(hub_folder: Path) -> None:
    extractor = TimmFeatures(SMALL, str(hub_folder)).eval()
    reference = timm.create_model(SMALL, num_classes=0).eval()
    reference.load_state_dict(extractor.net.net.state_dict(), strict=False)
    pixels = noise(2, 3, 160, 160)
    config = reference.pretrained_cfg
    mean, std = (torch.tensor(config[key]).view(3, 1, 1) for key in ("mean", "std"))
    torch.testing.assert_close(extractor(pixels), reference((pixels - mean) / std))
    assert extractor.size == (160, 160)


def test_timm_features_can_be_what_the_last_layer_makes_of_them(hub_folder: Path) -> None:
    extractor = TimmFeatures(SMALL, str(hub_folder), projected=True).eval()
    assert extractor(noise(1, 1, 160, 160)).shape == (1, 1000)
    assert extractor.name == f"timm {SMALL} of {hub_folder}, projected, 160 px"


def test_weights_of_another_model_are_refused(hub_folder: Path) -> None:
    with pytest.raises(WeightsError, match="do not fit"):
        TimmFeatures("test_vit.r160_in1k", str(hub_folder))


@pytest.mark.parametrize("model", ["no_such_model", "resnet18.no_such_tag"])
def test_an_unknown_model_is_refused(model: str) -> None:
    with pytest.raises(ValueError, match="timm"):
        TimmFeatures(model, "anywhere")


def test_the_published_extractor_of_cmmd_is_the_one_that_timm_describes() -> None:
    with torch.device("meta"):  # 300 million parameters, none of them made
        net = timm.create_model("vit_large_patch14_clip_quickgelu_336.openai")
    assert net.pretrained_cfg["input_size"] == (3, 336, 336)
    assert tuple(net.head.weight.shape) == (768, 1024)
    assert type(net.blocks[0].mlp.act).__name__ == "QuickGELU"


def test_hash_tells_values_names_and_types_apart() -> None:
    one, other, renamed = nn.Linear(2, 2), nn.Linear(2, 2), nn.Module()
    other.load_state_dict(one.state_dict())
    renamed.kernel, renamed.bias = one.weight, one.bias
    assert weights_hash(one) == weights_hash(other) != weights_hash(renamed)
    assert weights_hash(other.half()) != weights_hash(one)
    with torch.no_grad():
        one.bias[0] += 1
    assert weights_hash(one) != weights_hash(renamed)
