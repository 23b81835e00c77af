import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from datamodules.planes import Planes, resize_planes
from datamodules.resize import resize

SIDE = st.integers(1, 40)
PLANES = arrays(np.uint8, st.tuples(SIDE, SIDE)) | arrays(
    np.uint8, st.tuples(SIDE, SIDE, st.just(3))
)


@settings(max_examples=60, deadline=None)
@given(PLANES, SIDE, SIDE)
def test_resize_equals_pillow_to_one_grey_level(
    plane: NDArray[np.uint8], height: int, width: int
) -> None:
    picture = Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
    difference = resize(plane, (height, width)).astype(int) - np.asarray(picture)
    # the two round after each of two passes
    assert np.abs(difference).max() <= 2


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 255), SIDE, SIDE, SIDE, SIDE)
def test_constant_plane_stays_constant(value: int, h: int, w: int, height: int, width: int) -> None:
    result = resize(np.full((h, w), value, np.uint8), (height, width))
    assert result.shape == (height, width)
    assert (result == value).all()


def test_thin_line_does_not_vanish_when_made_much_smaller() -> None:
    plane = np.zeros((1000, 1000), np.uint8)
    plane[500] = 255
    assert resize(plane, (100, 100)).sum() == pytest.approx(255 * 1000 / 100, rel=0.1)


def test_resize_takes_slices_and_gives_contiguous_planes() -> None:
    plane = np.random.default_rng(0).integers(0, 256, (21, 30, 3), dtype=np.uint8)
    result = resize(plane[::-1, ::2], (8, 9))
    assert result.flags.c_contiguous
    assert np.array_equal(result, resize(plane[::-1, ::2].copy(), (8, 9)))


@pytest.mark.parametrize("size", [(5, 70), (50, 3), (1, 1), (33, 47)])
def test_planes_resized_together_equal_planes_resized_alone(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    image, other = rng.integers(0, 256, (2, 33, 47, 3), dtype=np.uint8)
    mask, weight = rng.integers(0, 256, (2, 33, 47), dtype=np.uint8)
    planes = Planes(image=image, mask=mask, weight=weight, counterfactual=other)
    result = resize_planes(planes, size)
    assert np.array_equal(result.image, resize(image, size))
    assert np.array_equal(result.mask, resize(mask, size))
    assert result.weight is not None
    assert np.array_equal(result.weight, resize(weight, size))
    assert result.counterfactual is not None
    assert np.array_equal(result.counterfactual, resize(other, size))
