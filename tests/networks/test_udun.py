from pathlib import Path

import pytest
import torch

from networks.udun import UDUN
from tests.networks.official import assert_recorded, digests, fill, randn, recorded

SIZE = 256


def test_keys_and_shapes_are_the_published_ones() -> None:
    with torch.device("meta"):
        net = UDUN()
    assert digests(net) == recorded("udun")["keys"]
    assert sum(x.numel() for x in net.parameters()) == recorded("udun")["num_parameters"]


@pytest.mark.slow
def test_outputs_equal_those_of_the_official_code() -> None:
    net = UDUN().eval()
    fill(net)
    with torch.no_grad():
        logits = net(randn(1, 3, 1024, 1024)).logits
    for x, facts in zip(logits, recorded("udun")["outputs"].values(), strict=True):
        assert_recorded(x, facts)


def test_maps_are_of_mask_trunk_and_structure() -> None:
    with torch.no_grad():
        mask, trunk, structure = UDUN(SIZE).eval()(randn(1, 3, SIZE, SIZE)).logits
    assert mask.shape == structure.shape == (1, 1, SIZE, SIZE)
    assert trunk.shape == (1, 1, SIZE // 8, SIZE // 8)


@pytest.mark.slow
def test_every_parameter_that_an_output_depends_on_has_a_gradient() -> None:
    net = UDUN(SIZE)
    torch.stack([x.square().mean() for x in net(randn(2, 3, SIZE, SIZE)).logits]).sum().backward()
    without = {name for name, x in net.named_parameters() if x.grad is None}
    # in the published state dict, but without any use in the published network
    assert without == {f"dcm.{name}3.{kind}" for name in ("convLR", "bnLR") for kind in KINDS}


KINDS = ("weight", "bias")


@pytest.mark.parametrize("shape", [(512, 512), (1024, 1000), (1, 1)])
def test_other_sizes_are_refused_with_the_cure(shape: tuple[int, int]) -> None:
    with torch.device("meta"):
        net = UDUN()
        image = torch.empty(1, 3, *shape)
    with pytest.raises(ValueError, match=r"set data\.size to 1024"):
        net(image)


@pytest.mark.parametrize("size", [0, 128, 1000])
def test_a_size_that_no_network_has_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="multiple of 128"):
        UDUN(size)


def test_backbone_is_not_fetched_where_the_whole_network_is_loaded(tmp_path: Path) -> None:
    source = UDUN(256)
    torch.save(source.state_dict(), tmp_path / "udun.pth")
    net = UDUN(256, "gone/resnet50.pth", weights=str(tmp_path / "udun.pth"))
    assert net.bkbone.conv1.weight.equal(source.bkbone.conv1.weight)
