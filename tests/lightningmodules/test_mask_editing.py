import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from lightningmodules.losses.mask_editing import (
    adversarial,
    content,
    discrimination,
    graphs_of,
    published_structure,
    sameness,
    structure,
)
from networks.flow import similarity
from networks.mask_editor import smooth

SIZE = (64, 64)


def disc(radius: float = 16.0, x: float = 31.5) -> Tensor:
    rows = torch.arange(64.0)
    return (((rows - x) ** 2 + (rows[:, None] - 31.5) ** 2).sqrt() < radius).float()[None, None]


def still(count: int = 1) -> Tensor:
    return torch.zeros(count, 2, 16, 16)


def growth(factor: float) -> Tensor:
    one = torch.ones(1)
    return similarity(0 * one, factor * one, torch.zeros(1, 2), ~one.bool(), size=(16, 16))


def test_adversarial_is_the_published_cross_entropy() -> None:
    logits = torch.tensor([-3.0, 0.5, 2.0])
    expected = F.binary_cross_entropy(logits.sigmoid(), torch.ones(3))
    assert torch.isclose(adversarial(logits), expected)


def test_discrimination_is_the_published_mean_of_two() -> None:
    real, edited = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 3.0])
    expected = (
        F.binary_cross_entropy(real.sigmoid(), torch.ones(2))
        + F.binary_cross_entropy(edited.sigmoid(), torch.zeros(2))
    ) / 2
    assert torch.isclose(discrimination(real, edited), expected)


def test_content_is_zero_where_the_change_is_the_strength() -> None:
    source, edit = torch.zeros(1, 1, 4, 10), torch.zeros(1, 1, 4, 10)
    source[..., :8] = 1
    edit[..., 2:10] = 1  # 6 of 10 columns in common
    assert content(edit, source, torch.tensor([0.4])).item() == pytest.approx(0)
    assert content(edit, source, torch.tensor([0.1])).item() == pytest.approx(0.3)


def test_content_of_empty_masks_is_the_strength_alone() -> None:
    empty = torch.zeros(1, 1, 4, 4)
    assert content(empty, empty, torch.tensor([0.0])).item() == 0


@given(st.floats(0.7, 1.4))
def test_structure_of_a_growth_is_its_logarithm_and_the_lost_neighbours(factor: float) -> None:
    graphs = graphs_of(disc(), 48)
    value = structure(graphs, growth(factor), SIZE).item()
    assert value >= abs(math.log(factor)) - 0.02
    # at most every neighbour is lost, or as many are won as there are twice
    assert value <= abs(math.log(factor)) + 2


def test_structure_of_a_still_mask_is_zero() -> None:
    assert structure(graphs_of(disc(), 48), still(), SIZE).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_structure_does_not_mind_a_rigid_motion(angle: float) -> None:
    one = torch.ones(1)
    shift = torch.tensor([[1.0, -0.5]])
    moved = similarity(angle * one, one, shift, ~one.bool(), size=(16, 16))
    assert structure(graphs_of(disc(), 48), moved, SIZE).item() < 0.02


def test_structure_sees_two_parts_come_together() -> None:
    pair = torch.maximum(disc(8, 21), disc(8, 42))
    x = torch.arange(16.0)
    inwards = 0.7 * torch.tanh((7.5 - x) / 2)
    closer = torch.stack([inwards.expand(16, 16), torch.zeros(16, 16)])[None]
    apart = graphs_of(pair, 64)
    near = structure(apart, closer, SIZE)
    assert near > structure(apart, 0.2 * closer, SIZE)


def test_structure_has_gradients_by_finite_differences() -> None:
    graphs = graphs_of(disc().double(), 12)
    field = 0.3 * smooth(
        torch.randn(1, 2, 6, 6, generator=torch.Generator().manual_seed(0)).double()
    )
    assert torch.autograd.gradcheck(
        lambda u: structure(graphs, u, SIZE), (field.requires_grad_(),), atol=1e-5
    )


def test_empty_mask_has_no_structure() -> None:
    masks = torch.cat([torch.zeros(1, 1, 64, 64), disc()])
    graphs = graphs_of(masks, 24)
    assert graphs.spacing[0] == 0
    flow = growth(1.2).expand(2, -1, -1, -1).clone().requires_grad_()
    value = structure(graphs, flow, SIZE)
    value.backward()
    assert value.item() == pytest.approx(
        structure(graphs_of(disc(), 24), growth(1.2), SIZE).item() / 2, rel=1e-4
    )
    assert flow.grad is not None
    assert flow.grad.isfinite().all()


def test_empty_batch_of_edges_is_no_error() -> None:
    assert structure(graphs_of(torch.zeros(1, 1, 64, 64), 24), still(), SIZE).item() == 0


def test_single_pixel_has_a_finite_structure() -> None:
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 30, 30] = 1
    flow = growth(1.3).requires_grad_()
    value = structure(graphs_of(mask, 12), flow, SIZE)
    value.backward()
    assert value.isfinite()
    assert flow.grad is not None
    assert flow.grad.isfinite().all()


def test_published_structure_is_the_error_of_box_means() -> None:
    source, edit = torch.zeros(1, 1, 5, 5), torch.zeros(1, 1, 5, 5)
    edit[..., 2, 2] = 1
    assert published_structure(edit, source).item() == pytest.approx(9 * (1 / 9) ** 2 / 25)


def test_sameness_of_the_same_unrelated_and_opposite_changes() -> None:
    x = torch.randn(3, 2, 8, 8)
    other = torch.zeros_like(x)
    other[:, 0], other[:, 1] = -x[:, 1], x[:, 0]
    assert sameness(x, 2 * x).item() == pytest.approx(1)
    assert sameness(x, other).item() == pytest.approx(0, abs=1e-6)
    assert sameness(x, -x).item() == 0
