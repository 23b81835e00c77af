from dataclasses import dataclass
from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import torch
from jsonargparse import ArgumentParser
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from networks.adapter import ImageInput, MaskInput
from networks.isnet import ISNet, ISNetGTEncoder
from networks.outputs import Outputs
from networks.udun import UDUN


@dataclass
class Pair:
    image: Tensor
    mask: Tensor


def pair(height: int = 8, width: int = 6) -> Pair:
    generator = torch.Generator().manual_seed(0)
    return Pair(
        image=torch.rand((2, 3, height, width), generator=generator),
        mask=torch.rand((2, 1, height, width), generator=generator),
    )


class Half(nn.Module):
    """Accepts multiples of 4; returns its input's first channel, and that at half the size."""

    def forward(self, image: Tensor) -> list[Tensor]:
        assert image.shape[2] % 4 == 0
        assert image.shape[3] % 4 == 0
        return [image[:, :1], F.avg_pool2d(image[:, :1], 2)]


def test_image_is_normalised_by_mean_and_std() -> None:
    batch = pair()
    mean, std = (0.1, 0.2, 0.3), (0.5, 1.0, 2.0)
    for channel in range(3):
        pick = nn.Conv2d(3, 1, 1, bias=False)
        pick.weight.data = torch.eye(3)[channel].view(1, 3, 1, 1)
        outputs = ImageInput(pick, mean, std=std)(batch)
        expected = (batch.image[:, channel : channel + 1] - mean[channel]) / std[channel]
        torch.testing.assert_close(outputs.logits[0], expected)


def test_network_of_several_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="one is needed"):
        ImageInput(nn.Identity())(pair())


def test_network_in_bfloat16_gets_its_own_precision() -> None:
    batch = pair()
    assert ImageInput(nn.Conv2d(3, 1, 1)).bfloat16()(batch).logits[0].dtype == torch.bfloat16
    assert MaskInput(nn.Conv2d(1, 1, 1)).bfloat16()(batch).logits[0].dtype == torch.bfloat16


def test_mask_input_feeds_the_mask() -> None:
    batch = pair()
    assert torch.equal(MaskInput(nn.Identity())(batch).logits[0], batch.mask)


class Returns(nn.Module):
    def __init__(self, result: object) -> None:
        super().__init__()
        self.result = result

    def forward(self, image: Tensor) -> object:
        return self.result


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("kind", [list, tuple])
def test_sequence_of_maps_keeps_its_order(kind: type, count: int) -> None:
    maps = kind(torch.full((2, 1, 4, 4), float(i)) for i in range(count))
    assert ImageInput(Returns(maps))(pair()).logits == list(maps)


def test_outputs_pass_unchanged() -> None:
    outputs = Outputs(logits=[torch.zeros(1)], features=[torch.ones(1)])
    assert ImageInput(Returns(outputs))(pair()) is outputs


@pytest.mark.parametrize("result", [{"out": torch.zeros(1)}, [], [torch.zeros(1), None], None])
def test_other_results_are_refused(result: object) -> None:
    with pytest.raises(ValueError, match=r"Returns returned .* must return"):
        ImageInput(Returns(result))(pair())


@pytest.mark.parametrize("size", [(8, 8), (7, 5), (9, 12), (1, 1), (3, 2)])
def test_divisor_pads_and_crops_any_size(size: tuple[int, int]) -> None:
    batch = pair(*size)
    outputs = ImageInput(Half(), divisor=4)(batch)
    assert torch.equal(outputs.logits[0], batch.image[:, :1] - 0.5)
    expected = (4, 4) if size == (8, 8) else size
    assert outputs.logits[1].shape[2:] == expected


def test_size_is_checked_as_the_network_will_see_it() -> None:
    with torch.device("meta"):
        net = UDUN(256)
    with pytest.raises(ValueError, match=r"got 224 x 256: set data\.size to 256"):
        ImageInput(net).check_image_size(224, 256)
    ImageInput(net, divisor=128).check_image_size(224, 256)
    ImageInput(Half()).check_image_size(3, 5)  # which says nothing of sizes


def test_maps_stay_aligned_when_padding_is_cropped() -> None:
    # a horizontal ramp: halved, resized and cropped it stays the ramp away from the border
    ramp = torch.arange(22.0).expand(1, 3, 22, 22)
    batch = Pair(image=ramp, mask=ramp[:, :1])
    small = ImageInput(Half(), (0, 0, 0), divisor=4)(batch).logits[1]
    torch.testing.assert_close(small[..., 1:20], ramp[:, :1, :, 1:20])


def test_keys_of_the_network_are_the_only_ones() -> None:
    assert set(ImageInput(nn.Conv2d(3, 1, 1)).state_dict()) == {"net.weight", "net.bias"}


@pytest.mark.parametrize(("mean", "std"), [((0.5,), (1.0, 1.0, 1.0)), ((0.5,), (0.0,))])
def test_mean_and_std_that_do_not_match_are_refused(
    mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    with pytest.raises(ValueError, match="one value a channel"):
        ImageInput(nn.Identity(), mean, std=std)


def test_divisor_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="divisor 0"):
        ImageInput(nn.Identity(), divisor=0)


def test_weights_go_into_the_network(tmp_path: Path) -> None:
    source, path = nn.Conv2d(3, 1, 1), tmp_path / "weights.safetensors"
    save_file(source.state_dict(), path)
    assert torch.equal(ImageInput(nn.Conv2d(3, 1, 1), weights=str(path)).net.weight, source.weight)
    assert torch.equal(MaskInput(nn.Conv2d(3, 1, 1), weights=str(path)).net.weight, source.weight)


def parse(yaml: str) -> nn.Module:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--net", type=nn.Module)
    return parser.instantiate(parser.parse_string(yaml)).net


@pytest.mark.parametrize(("adapter", "network"), [(ImageInput, ISNet), (MaskInput, ISNetGTEncoder)])
def test_our_networks_are_built_by_class_path(
    adapter: type[nn.Module], network: type[nn.Module]
) -> None:
    net = parse(f"""
net:
  class_path: networks.adapter.{adapter.__name__}
  init_args:
    net: {{class_path: networks.isnet.{network.__name__}, init_args: {{width: 0.0625}}}}
""")
    assert isinstance(net, adapter)
    assert isinstance(net.net, network)


@pytest.mark.parametrize("encoder", ["resnet18", "tu-resnet10t"])
def test_networks_of_smp_are_built_by_class_path_and_take_any_size(encoder: str) -> None:
    net = parse(f"""
net:
  class_path: networks.adapter.ImageInput
  init_args:
    mean: [0.485, 0.456, 0.406]
    std: [0.229, 0.224, 0.225]
    divisor: 32
    net:
      class_path: segmentation_models_pytorch.FPN
      init_args: {{encoder_name: {encoder}, encoder_weights: null}}
""")
    assert isinstance(net, ImageInput)
    assert isinstance(net.net, smp.FPN)
    assert net.eval()(pair(45, 33)).logits[0].shape == (2, 1, 45, 33)
