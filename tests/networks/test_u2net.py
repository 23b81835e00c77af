import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from networks.outputs import Outputs
from networks.u2net import U2Net, U2NetP
from tests.networks.official import assert_recorded, digests, fill, randn, recorded

NETWORKS = {"u2net": U2Net, "u2netp": U2NetP}
SMALL = 1 / 16
every_network = pytest.mark.parametrize("name", NETWORKS)


@every_network
def test_keys_and_shapes_are_the_published_ones(name: str) -> None:
    with torch.device("meta"):
        net = NETWORKS[name]()
    assert digests(net) == recorded(name)["keys"]
    assert sum(x.numel() for x in net.parameters()) == recorded(name)["num_parameters"]


@pytest.mark.slow
@every_network
def test_outputs_equal_those_of_the_official_code(name: str) -> None:
    net = NETWORKS[name]().eval()
    fill(net)
    with torch.no_grad():
        logits = net(randn(1, 3, 256, 256)).logits
    for x, facts in zip(logits, recorded(name)["outputs"].values(), strict=True):
        whole = F.interpolate(x, size=(256, 256), mode="bilinear", align_corners=False)
        assert_recorded(whole.sigmoid(), facts)


@every_network
@pytest.mark.parametrize("size", [(64, 64), (97, 65), (1, 7), (1, 1)])
def test_any_size_has_maps_of_its_size_and_below(name: str, size: tuple[int, int]) -> None:
    fused, *sides = NETWORKS[name](width=SMALL).eval()(randn(2, 3, *size)).logits
    assert fused.shape == (2, 1, *size)
    height, width = size
    for x in sides:
        assert x.shape == (2, 1, height, width)
        height, width = (height + 1) // 2, (width + 1) // 2


def test_fused_map_weighs_the_side_maps() -> None:
    net = U2NetP(width=SMALL).eval()
    with torch.no_grad():
        net.outconv.weight.copy_(torch.tensor([0.0, 0, 2, 0, 0, 0]).view(1, 6, 1, 1))
        net.outconv.bias.fill_(3)
        fused, *sides = net(randn(1, 3, 37, 50)).logits
    whole = F.interpolate(sides[2], size=(37, 50), mode="bilinear", align_corners=False)
    torch.testing.assert_close(fused, 2 * whole + 3)


def total(outputs: Outputs) -> Tensor:
    return torch.stack([x.square().mean() for x in outputs.logits]).sum()


@every_network
def test_every_parameter_has_a_gradient(name: str) -> None:
    net = NETWORKS[name](width=SMALL)
    total(net(randn(2, 3, 67, 35))).backward()
    for parameter in net.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


@pytest.mark.slow
def test_checkpointing_changes_neither_gradients_nor_statistics() -> None:
    found: list[dict[str, Tensor]] = []
    for checkpointing in (False, True):
        net = U2NetP(width=SMALL, checkpointing=checkpointing)
        fill(net)
        total(net(randn(2, 3, 45, 38))).backward()
        gradients = {name: x.grad for name, x in net.named_parameters() if x.grad is not None}
        found.append({**gradients, **dict(net.named_buffers())})
    plain, checkpointed = found
    assert plain.keys() == checkpointed.keys()
    for name, x in plain.items():
        torch.testing.assert_close(checkpointed[name], x, rtol=0, atol=0, msg=name)
