import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from networks.isnet import ISNet, ISNetGTEncoder
from networks.outputs import Outputs
from tests.networks.official import assert_recorded, digests, fill, randn, recorded

NETWORKS = {"isnet": ISNet, "isnet_gt_encoder": ISNetGTEncoder}
SMALL = 1 / 16


@pytest.mark.parametrize("name", NETWORKS)
def test_keys_and_shapes_are_the_published_ones(name: str) -> None:
    with torch.device("meta"):
        net = NETWORKS[name]()
    assert digests(net) == recorded(name)["keys"]
    assert sum(x.numel() for x in net.parameters()) == recorded(name)["num_parameters"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_equal_those_of_the_official_code(name: str) -> None:
    net = NETWORKS[name]().eval()
    fill(net)
    x = randn(1, 3, 256, 256) if name == "isnet" else randn(1, 1, 256, 256).sigmoid()
    with torch.no_grad():
        outputs = net(x)
    maps = [
        F.interpolate(x, size=(256, 256), mode="bilinear", align_corners=False).sigmoid()
        for x in outputs.logits
    ]
    for x, expected in zip(
        [*maps, *outputs.features], recorded(name)["outputs"].values(), strict=True
    ):
        assert_recorded(x, expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", [(64, 64), (97, 65), (33, 130), (1, 7), (1, 1)])
def test_any_size_has_maps_of_half_the_size_and_below(name: str, size: tuple[int, int]) -> None:
    net = NETWORKS[name](width=SMALL).eval()
    outputs = net(randn(2, 3 if name == "isnet" else 1, *size))
    height, width = size
    for x, features in zip(outputs.logits, outputs.features, strict=True):
        height, width = (height + 1) // 2, (width + 1) // 2
        assert x.shape == (2, 1, height, width)
        assert features.shape[2:] == (height, width)


def test_features_of_both_networks_have_equal_shapes() -> None:
    features = ISNet(width=0.1).eval()(randn(1, 3, 40, 50)).features
    of_mask = ISNetGTEncoder(width=0.1).eval()(randn(1, 1, 40, 50)).features
    assert [x.shape for x in features] == [x.shape for x in of_mask]


def total(outputs: Outputs) -> Tensor:
    parts = [x.square().mean() for x in (*outputs.logits, *outputs.features)]
    return torch.stack(parts).sum()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_has_a_gradient(name: str) -> None:
    net = NETWORKS[name](width=SMALL)
    total(net(randn(2, 3 if name == "isnet" else 1, 67, 35))).backward()
    for parameter in net.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


def after_a_step(name: str, checkpointing: bool) -> dict[str, Tensor]:
    net = NETWORKS[name](width=SMALL, checkpointing=checkpointing)
    fill(net)
    total(net(randn(2, 3 if name == "isnet" else 1, 45, 38))).backward()
    gradients = {f"{key}.grad": x.grad for key, x in net.named_parameters() if x.grad is not None}
    return {**gradients, **dict(net.named_buffers())}


@pytest.mark.parametrize(
    "name", [pytest.param("isnet", marks=pytest.mark.slow), "isnet_gt_encoder"]
)
def test_checkpointing_changes_neither_gradients_nor_statistics(name: str) -> None:
    plain, checkpointed = after_a_step(name, False), after_a_step(name, True)
    assert plain.keys() == checkpointed.keys()
    for key, x in plain.items():
        torch.testing.assert_close(checkpointed[key], x, rtol=0, atol=0, msg=key)


def test_memory_format_leaves_outputs_equal() -> None:
    net = ISNet(width=SMALL).eval()
    image = randn(2, 3, 50, 41)
    plain = net(image).logits[0]
    channels_last = net.to(memory_format=torch.channels_last)(
        image.contiguous(memory_format=torch.channels_last)
    )
    torch.testing.assert_close(channels_last.logits[0], plain, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_compiled_step_equals_the_plain_one() -> None:
    # double: the norms over two values at the lowest level blow rounding up
    # the encoder of masks: the same blocks as the whole network, half the time to compile
    nets = [ISNetGTEncoder(width=SMALL, checkpointing=True).double() for _ in range(2)]
    for net in nets:
        fill(net)
    nets[1].compile(backend="aot_eager", fullgraph=True)
    for net in nets:
        total(net(randn(2, 1, 64, 64).double())).backward()
    for plain, compiled in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(compiled.grad, plain.grad, rtol=1e-5, atol=1e-5)
    for plain, compiled in zip(nets[0].buffers(), nets[1].buffers(), strict=True):
        torch.testing.assert_close(compiled, plain)
