import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.finer import finer_size

SIDE = st.integers(1, 3000)
SIZE = st.integers(1, 600)


@given(SIDE, SIDE, SIZE, SIZE, st.floats(1.01, 4))
def test_no_side_leaves_the_range_from_the_networks_to_the_photos_own(
    height: int, width: int, tall: int, wide: int, scale: float
) -> None:
    found = finer_size((height, width), (tall, wide), scale)
    if height <= tall and width <= wide:
        assert found is None
    if found is not None:
        for side, own, least in zip(found, (height, width), (tall, wide), strict=True):
            assert least <= side <= max(least, min(own, scale * least))


@pytest.mark.parametrize(
    ("photo", "expected"),
    [
        ((4000, 6000), (384, 256)),
        ((250, 200), (250, 200)),
        ((100, 6000), (192, 256)),
        ((193, 128), (193, 128)),
        ((192, 128), None),
        ((1, 1), None),
    ],
)
def test_tiles_are_cut_from(photo: tuple[int, int], expected: tuple[int, int] | None) -> None:
    assert finer_size(photo, (192, 128), 2) == expected
