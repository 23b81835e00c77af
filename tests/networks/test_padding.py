import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from networks.padding import crop_to, pad_to_multiple


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 7))
def test_sizes_are_the_nearest_multiples_and_the_map_stays_in_its_corner(
    height: int, width: int, multiple: int
) -> None:
    x = torch.rand(2, 3, height, width)
    padded = pad_to_multiple(x, multiple)
    for size, own in zip(padded.shape[2:], (height, width), strict=True):
        assert size % multiple == 0
        assert own <= size < own + multiple
    assert padded.sum() == pytest.approx(float(x.sum()), rel=1e-5)  # zeros were added
    assert torch.equal(crop_to(padded, x), x)


def test_replicated_rows_and_columns_are_the_last() -> None:
    x = torch.arange(6.0).view(1, 1, 2, 3)
    padded = pad_to_multiple(x, 4, mode="replicate")
    rows = [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [3, 4, 5, 5]]
    assert padded[0, 0].tolist() == rows


def test_channels_last_is_padded_as_channels_first() -> None:
    x = torch.rand(2, 3, 5, 6)
    last = x.permute(0, 2, 3, 1)
    padded = pad_to_multiple(last, 4, layout="channels_last")
    assert torch.equal(padded.permute(0, 3, 1, 2), pad_to_multiple(x, 4))
    assert torch.equal(crop_to(padded, last, layout="channels_last"), last)


def test_map_of_a_fitting_size_is_handed_back() -> None:
    x = torch.rand(1, 1, 4, 8)
    assert pad_to_multiple(x, 4) is x


class _ThereAndBack(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        padded = pad_to_multiple(x, 4, mode="replicate")
        return padded, crop_to(padded, x)


def test_exported_graph_pads_any_size() -> None:
    sizes = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    exported = torch.export.export(
        _ThereAndBack(), (torch.rand(1, 3, 9, 10),), dynamic_shapes={"x": sizes}
    ).module()
    for shape in ((1, 3, 5, 7), (1, 3, 8, 11)):
        x = torch.rand(shape)
        padded, back = exported(x)
        assert torch.equal(padded, pad_to_multiple(x, 4, mode="replicate"))
        assert torch.equal(back, x)
