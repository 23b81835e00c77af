import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.swin_transformer import shifted_window_attention

from networks.swin import Swin
from tests.networks.official import fill, randn


def small(drop_path: float = 0.0, num_checkpointed: int = 0) -> Swin:
    net = Swin(
        8,
        (2, 2, 1, 1),
        heads=(1, 2, 2, 4),
        window=4,
        drop_path=drop_path,
        num_checkpointed=num_checkpointed,
    )
    fill(net)
    return net


@pytest.mark.parametrize("number", [0, 1])
def test_block_is_that_of_torchvision_where_windows_fit(number: int) -> None:
    block = small().layers[1].blocks[number]
    x = randn(2, 12, 8, 16)
    attn, window = block.attn, 4
    bias = attn.relative_position_bias_table[attn.relative_position_index]
    attended = shifted_window_attention(
        block.norm1(x),
        attn.qkv.weight,
        attn.proj.weight,
        bias.permute(2, 0, 1)[None],
        [window, window],
        attn.heads,
        [number * window // 2] * 2,
        qkv_bias=attn.qkv.bias,
        proj_bias=attn.proj.bias,
    )
    y = x + attended
    y = y + block.mlp.fc2(F.gelu(block.mlp.fc1(block.norm2(y))))
    torch.testing.assert_close(block(x), y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(64, 96), (97, 65), (5, 40), (1, 1)])
def test_any_size_has_four_maps(size: tuple[int, int]) -> None:
    height, width = (-(-length // 4) for length in size)
    for stage, x in enumerate(small().eval()(randn(2, 3, *size))):
        assert x.shape == (2, 8 * 2**stage, height, width)
        assert x.isfinite().all()
        height, width = (height + 1) // 2, (width + 1) // 2


def test_samples_do_not_see_each_other() -> None:
    net, image = small().eval(), randn(3, 3, 40, 24)
    for whole, one in zip(net(image), net(image[1:2]), strict=True):
        torch.testing.assert_close(whole[1:2], one, rtol=1e-4, atol=1e-5)


def gradients(net: nn.Module, image: Tensor) -> dict[str, Tensor]:
    torch.manual_seed(0)
    torch.stack([x.square().mean() for x in net(image)]).sum().backward()
    return {name: x.grad for name, x in net.named_parameters() if x.grad is not None}


@pytest.mark.parametrize("num_checkpointed", [1, 4])
def test_checkpointing_keeps_gradients_and_what_was_dropped(num_checkpointed: int) -> None:
    image = randn(2, 3, 64, 48)
    plain = gradients(small(drop_path=0.5), image)
    found = gradients(small(drop_path=0.5, num_checkpointed=num_checkpointed), image)
    assert plain.keys() == found.keys() == dict(small().named_parameters()).keys()
    for name, x in plain.items():
        torch.testing.assert_close(found[name], x, rtol=1e-5, atol=1e-6, msg=name)


def test_half_precision_is_close() -> None:
    net, image = small().eval(), randn(1, 3, 64, 64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = net(image)
    for x, half in zip(net(image), found, strict=True):
        assert (x - half).abs().mean() < 0.05
