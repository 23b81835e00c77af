import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from metrics.topology import betti_numbers
from networks.flow import enlarge, warp
from networks.mask_discriminator import MaskDiscriminator
from networks.mask_editor import FlowMaskEditor, to_strength
from networks.published_mask_gan import PublishedMaskDiscriminator, PublishedMaskGenerator


def ring(size: int = 96) -> Tensor:
    """A thick ring with a bar across, two holes."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    radius = ((x - size / 2) ** 2 + (y - size / 2) ** 2).sqrt()
    mask = (radius < 0.38 * size) & (radius > 0.24 * size)
    mask |= ((x - size / 2).abs() < 0.06 * size) & (radius < 0.3 * size)
    return mask.float()[None, None]


def codes(count: int, length: int = 72) -> Tensor:
    return torch.randn(count, length, generator=torch.Generator().manual_seed(1))


def change(first: Tensor, second: Tensor) -> Tensor:
    a, b = first > 0.5, second > 0.5
    return 1 - (a & b).sum((1, 2, 3)) / (a | b).sum((1, 2, 3))


@pytest.fixture(scope="module")
def editor() -> FlowMaskEditor:
    torch.manual_seed(0)
    return FlowMaskEditor(4)


def test_strength_zero_leaves_the_mask(editor: FlowMaskEditor) -> None:
    edit = editor(ring(), codes(1), torch.zeros(1))
    assert torch.allclose(edit.mask, ring(), atol=1e-5)


@pytest.mark.parametrize("strength", [0.1, 0.3])
def test_strength_is_the_share_that_changes(editor: FlowMaskEditor, strength: float) -> None:
    masks = ring().expand(16, -1, -1, -1)
    edit = editor(masks, codes(16), torch.full((16,), strength))
    assert change(edit.mask, masks).mean().item() == pytest.approx(strength, rel=0.3)


def test_parts_and_holes_survive_at_full_size(editor: FlowMaskEditor) -> None:
    # at the editor's own 96 px a sharp corner of a hole can come off as a pixel
    edit = editor(ring().expand(16, -1, -1, -1), codes(16), torch.full((16,), 0.3))
    assert edit.backward is not None
    large = warp(ring(384).expand(16, -1, -1, -1), enlarge(edit.backward, (384, 384)))
    assert [betti_numbers((mask[0] > 0.5).numpy()) for mask in large] == [(1, 2)] * 16


def test_field_has_no_similarity_left_at_the_contour() -> None:
    mask = ring()
    count = 24
    x = torch.arange(float(count)) - (count - 1) / 2
    turn = torch.stack([-x[:, None].expand(count, count), x.expand(count, count)])[None]
    growth = torch.stack(torch.meshgrid(x, x, indexing="xy"))[None]
    shift = torch.ones(1, 2, count, count)
    noise = torch.randn(1, 2, count, count)
    plain = to_strength(noise, mask, torch.tensor([0.2]))
    mixed = to_strength(noise + turn - 0.5 * growth + 3 * shift, mask, torch.tensor([0.2]))
    assert torch.allclose(plain, mixed, atol=1e-3)


def test_nothing_crosses_the_frame(editor: FlowMaskEditor) -> None:
    velocity = editor.velocities(ring(), codes(1), torch.tensor([0.3]))
    assert velocity[0, 0, :, [0, -1]].abs().max() == 0
    assert velocity[0, 1, [0, -1]].abs().max() == 0


def test_backward_is_the_inverse_of_forward(editor: FlowMaskEditor) -> None:
    edit = editor(ring(), codes(1), torch.tensor([0.3]))
    assert edit.forward is not None
    assert edit.backward is not None
    assert enlarge(edit.forward, (48, 48)).abs().max() > 0.5
    assert (edit.forward + edit.backward).mean().abs() < 0.05  # opposite to first order


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_empty_and_full_masks_are_left_alone(editor: FlowMaskEditor, value: float) -> None:
    mask = torch.full((1, 1, 48, 48), value)
    assert torch.equal(editor(mask, codes(1), torch.tensor([0.3])).mask, mask)


@pytest.mark.parametrize("size", [(32, 32), (37, 51), (96, 40)])
def test_any_size_is_edited_and_differentiable(
    editor: FlowMaskEditor, size: tuple[int, int]
) -> None:
    mask = F.interpolate(ring(), size, mode="area")
    edit = editor(mask.expand(2, -1, -1, -1), codes(2), torch.tensor([0.1, 0.2]))
    assert edit.mask.shape == (2, 1, *size)
    edit.mask.square().sum().backward()
    # the first layers learn once the last one is no longer zero
    assert editor.velocity.weight.grad is not None
    assert editor.velocity.weight.grad.abs().sum() > 0


def test_codes_make_different_edits(editor: FlowMaskEditor) -> None:
    masks = ring().expand(2, -1, -1, -1)
    edit = editor(masks, codes(2), torch.full((2,), 0.2))
    assert change(edit.mask[:1], edit.mask[1:]).item() > 0.1


def test_edit_of_a_mask_does_not_depend_on_the_batch(editor: FlowMaskEditor) -> None:
    masks = torch.cat([ring(), ring().roll(9, 3)])
    strength = torch.tensor([0.2, 0.3])
    together = editor(masks, codes(2), strength).mask
    assert torch.allclose(
        editor(masks[:1], codes(2)[:1], strength[:1]).mask, together[:1], atol=1e-5
    )


def test_weights_load_from_a_file(editor: FlowMaskEditor, tmp_path: object) -> None:
    path = f"{tmp_path}/weights.safetensors"
    save_file(editor.state_dict(), path)
    loaded = FlowMaskEditor(4, weights=path)
    assert loaded.trained_size is None
    edits = [net(ring(), codes(1), torch.tensor([0.2])).mask for net in (editor, loaded)]
    assert torch.equal(*edits)


def test_published_generator_draws_a_mask_of_its_own() -> None:
    net = PublishedMaskGenerator(4)
    edit = net(ring(), codes(1, 8), torch.tensor([0.2]))
    assert edit.mask.shape == (1, 1, 96, 96)
    assert edit.forward is None
    assert edit.mask.min() >= 0
    assert edit.mask.max() <= 1


@pytest.mark.parametrize(("size", "cure"), [((100, 96), "104x96"), ((96, 7), "96x8")])
def test_published_generator_names_a_size_that_it_can_edit(
    size: tuple[int, int], cure: str
) -> None:
    mask = torch.zeros(1, 1, *size)
    with pytest.raises(ValueError, match=f"cannot edit {size[0]}x{size[1]}: .*such as {cure}$"):
        PublishedMaskGenerator(4)(mask, codes(1, 8), torch.tensor([0.2]))


def test_published_discriminator_has_the_published_patches() -> None:
    # 512 px give 61 x 61 patches in the released code
    assert PublishedMaskDiscriminator(2)(torch.zeros(1, 1, 512, 512)).shape == (1, 1, 61, 61)


@pytest.mark.parametrize("size", [(16, 16), (33, 47)])
def test_discriminator_returns_logits_at_any_size(size: tuple[int, int]) -> None:
    logits = MaskDiscriminator(4)(torch.rand(3, 1, *size))
    assert len(logits) == 3
    patches, whole = logits.chunk(2, dim=1)
    assert np.unique(whole[0].detach().numpy()).size == 1
    assert patches.shape == whole.shape


def test_discriminator_cannot_be_steep() -> None:
    torch.manual_seed(0)
    net = MaskDiscriminator(4)
    for _ in range(30):  # the norms are estimated by a power iteration
        net(torch.rand(1, 1, 32, 32))
    net.eval()
    with torch.no_grad():
        for stage in net.deep:
            if isinstance(stage, torch.nn.Conv2d):
                assert torch.linalg.matrix_norm(stage.weight.flatten(1), 2).item() <= 1.1
