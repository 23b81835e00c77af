"""Against the attention written out step by step, and CLIP's own encoder."""

import pytest
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from torch import Tensor, nn
from torch.nn import functional as F

from networks.clip_model import small_clip
from networks.clip_training_free import (
    CorrelativeAttention,
    PlainAttention,
    TrainingFreeClip,
    ValueAttention,
    resize_positions,
)


@pytest.fixture(scope="module")
def clip() -> CLIP:
    torch.manual_seed(0)
    model = small_clip(width=64, num_layers=2, patch_size=8, image_size=32, dim=32, text_layers=1)
    for parameter in model.visual.parameters():
        nn.init.normal_(parameter, std=0.2)  # biases and norms too, so that each of them is seen
    return model.eval()


def images(*size: int) -> Tensor:
    return torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))


def by_hand(clip: CLIP, pixels: Tensor, kind: str) -> Tensor:
    """Return normalised patches at the stored grid, head by head."""
    visual = clip.visual
    x = visual._embeds(pixels)
    first, last = visual.transformer.resblocks
    x = first(x)
    attn, y = last.attn, last.ln_1(x)
    width, heads = y.shape[-1], attn.num_heads
    q, k, v = (
        y @ attn.in_proj_weight[i * width : (i + 1) * width].T
        + attn.in_proj_bias[i * width : (i + 1) * width]
        for i in range(3)
    )
    mixed = []
    for head in range(heads):
        part = slice(head * width // heads, (head + 1) * width // heads)
        scale = (width // heads) ** -0.5
        qh, kh, vh = q[..., part], k[..., part], v[..., part]
        weights = {
            "plain": torch.softmax(torch.einsum("bie,bje->bij", qh, kh) * scale, -1),
            "value": torch.eye(y.shape[1]).expand(len(y), -1, -1),
            "correlative": torch.softmax(torch.einsum("bie,bje->bij", qh, qh) * scale, -1)
            + torch.softmax(torch.einsum("bie,bje->bij", kh, kh) * scale, -1),
        }[kind]
        mixed.append(torch.einsum("bij,bje->bie", weights, vh))
    x = x + torch.cat(mixed, -1) @ attn.out_proj.weight.T + attn.out_proj.bias
    x = x + last.mlp(last.ln_2(x))
    return F.normalize((visual.ln_post(x) @ visual.proj)[:, 1:], dim=-1)


@pytest.mark.parametrize(
    ("kind", "attention"),
    [
        ("plain", PlainAttention()),
        ("value", ValueAttention()),
        ("correlative", CorrelativeAttention()),
    ],
)
def test_patches_are_those_of_the_formula(kind: str, attention: nn.Module, clip: CLIP) -> None:
    net = TrainingFreeClip(clip, attention)
    pixels = images(32, 32)
    expected = by_hand(clip, (pixels - net.mean) / net.std, kind)
    found = F.normalize(net.patches(pixels), dim=1).flatten(2).transpose(1, 2)
    assert torch.allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("size", [(32, 32), (48, 24), (33, 17), (5, 70), (1, 1)])
def test_any_size_gives_cosines_at_that_size(size: tuple[int, int], clip: CLIP) -> None:
    text = F.normalize(torch.randn(5, 32, generator=torch.Generator().manual_seed(2)), dim=1)
    scores = TrainingFreeClip(clip, CorrelativeAttention())(images(*size), text)
    assert tuple(scores.shape) == (2, 5, *size)
    assert float(scores.abs().max()) <= 1 + 1e-6


def test_scores_of_a_name_do_not_depend_on_the_others(clip: CLIP) -> None:
    net = TrainingFreeClip(clip, ValueAttention())
    text = F.normalize(torch.randn(4, 32, generator=torch.Generator().manual_seed(3)), dim=1)
    together, alone = net(images(24, 40), text), net(images(24, 40), text[2:3])
    assert torch.allclose(together[:, 2:3], alone, atol=1e-6)


def test_nothing_of_it_learns(clip: CLIP) -> None:
    net = TrainingFreeClip(clip, ValueAttention())
    assert not any(parameter.requires_grad for parameter in net.parameters())


def test_positions_of_the_stored_grid_stay_as_they_are() -> None:
    positions = torch.randn(1 + 4 * 4, 6)
    assert resize_positions(positions, (4, 4), (4, 4)) is positions


def test_resized_positions_keep_the_class_token_and_a_constant() -> None:
    positions = torch.cat([torch.randn(1, 6), torch.full((16, 6), 0.3)])
    resized = resize_positions(positions, (4, 4), (3, 7))
    assert tuple(resized.shape) == (22, 6)
    assert torch.equal(resized[0], positions[0])
    assert torch.allclose(resized[1:], torch.tensor(0.3))


def test_an_encoder_that_is_no_plain_vit_is_an_error(clip: CLIP) -> None:
    other = small_clip(width=64, num_layers=1, patch_size=8, image_size=32, dim=32, text_layers=1)
    other.visual = nn.Identity()
    with pytest.raises(ValueError, match="the image encoder is Identity"):
        TrainingFreeClip(other, ValueAttention())


def test_an_image_encoder_that_pools_by_the_mean_is_refused() -> None:
    vision = CLIPVisionCfg(
        layers=1, width=32, head_width=32, patch_size=8, image_size=16, pool_type="avg"
    )
    averaged = CLIP(32, vision, CLIPTextCfg(width=32, heads=1, layers=1))
    with pytest.raises(ValueError, match="pools by avg, without a class token"):
        TrainingFreeClip(averaged, CorrelativeAttention())
