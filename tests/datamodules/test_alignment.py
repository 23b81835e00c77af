import cmath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from datamodules.alignment import aligned_places


def moved(points: NDArray[np.float32], turn: complex, shift: complex) -> NDArray[np.float32]:
    z = (points[:, 0] + 1j * points[:, 1]) * turn + shift
    return np.stack([z.real, z.imag], axis=1).astype(np.float32)


def scattered(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(0, 400, (count, 2)).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(
    scale=st.floats(0.4, 2.5),
    angle=st.floats(-3, 3),
    x=st.floats(-300, 300),
    y=st.floats(-300, 300),
)
def test_all_places_of_a_moved_picture_are_aligned(
    scale: float, angle: float, x: float, y: float
) -> None:
    points = scattered(20)
    turned = moved(points, cmath.rect(scale, angle), complex(x, y))
    assert aligned_places(points, turned) == 20


def test_places_that_moved_otherwise_do_not_count() -> None:
    points = scattered(24)
    partners = moved(points, 0.8 + 0.3j, 12 - 7j)
    partners[15:] = scattered(9, seed=1)
    assert 15 <= aligned_places(points, partners) <= 16


def test_mirror_image_and_collapse_are_no_alignment() -> None:
    points = scattered(30)
    mirrored = points * np.float32([-1, 1])
    assert aligned_places(points, mirrored) < 9
    assert aligned_places(points, np.zeros_like(points)) == 0


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_matches_align_nothing(count: int) -> None:
    points = scattered(count)
    assert aligned_places(points, points) == 0


def test_scale_beyond_three_is_no_alignment() -> None:
    points = scattered(20)
    assert aligned_places(points, moved(points, 2.9 + 0j, 0j)) == 20
    assert aligned_places(points, moved(points, 3.5 + 0j, 0j)) < 9
