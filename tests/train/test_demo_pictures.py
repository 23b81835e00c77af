from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datamodules.decode import DecodeError
from train.demo_pictures import adjusted, on_ground, png, preview, require_photo

VALUES = np.arange(256, dtype=np.uint8)[None]


def test_middle_settings_leave_the_mask_as_it_is() -> None:
    assert np.array_equal(adjusted(VALUES, 0.5, 1), VALUES)


@pytest.mark.parametrize("threshold", [0.05, 0.5, 0.95])
def test_without_softness_the_mask_is_black_and_white_at_the_threshold(threshold: float) -> None:
    assert np.array_equal(adjusted(VALUES, threshold, 0) == 255, threshold <= VALUES / 255)
    assert set(np.unique(adjusted(VALUES, threshold, 0))) == {0, 255}


@given(st.floats(0.05, 0.95), st.floats(0, 1))
def test_order_of_the_values_stays_and_a_lower_threshold_keeps_more(
    threshold: float, softness: float
) -> None:
    found = adjusted(VALUES, threshold, softness).astype(int)
    assert (np.diff(found[0]) >= 0).all()
    assert (adjusted(VALUES, threshold / 2, softness) >= found).all()


@given(st.floats(0.05, 0.95), st.floats(0, 1))
def test_what_is_sure_stays_sure(threshold: float, softness: float) -> None:
    found = adjusted(VALUES, threshold, softness)
    assert (found[0, 0], found[0, 255]) == (0, 255)


@given(st.floats(0.05, 0.95))
def test_threshold_becomes_one_half_in_straight_lines(threshold: float) -> None:
    p = VALUES / 255
    below, above = p / (2 * threshold), 1 - (1 - p) / (2 * (1 - threshold))
    expected = 255 * np.where(p < threshold, below, above)
    assert adjusted(VALUES, threshold, 1) == pytest.approx(expected, abs=0.51)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1, 1), (1, 1)), ((1400, 9), (1400, 9)), ((2800, 700), (1400, 350)), ((1, 9000), (1, 1400))],
)
def test_preview_fits_a_screen(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    assert preview(np.zeros(shape, np.uint8)).shape == expected
    assert preview(np.zeros((*shape, 3), np.uint8)).shape == (*expected, 3)


def test_ground_shows_where_the_mask_is_black() -> None:
    colours = np.full((1, 3, 3), 200, np.uint8)
    alpha = np.array([[0, 51, 255]], np.uint8)
    found = on_ground(colours, alpha, (100, 0, 255))
    assert found[0].tolist() == [[100, 0, 255], [120, 40, 244], [200, 200, 200]]


def test_transparency_is_shown_by_two_greys() -> None:
    found = on_ground(np.zeros((40, 30, 3), np.uint8), np.zeros((40, 30), np.uint8), None)
    assert set(np.unique(found)) == {204, 255}


def test_file_holds_the_colours_and_the_mask() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (7, 5, 3), np.uint8)
    alpha = np.random.default_rng(1).integers(0, 256, (7, 5), np.uint8)
    read = cv2.imdecode(np.frombuffer(png(colours, alpha), np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(cv2.cvtColor(read, cv2.COLOR_BGRA2RGBA), np.dstack([colours, alpha]))


def test_photo_of_more_than_100_million_pixels_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    Image.new("1", (10_000, 10_000)).save(path)
    require_photo(path)
    Image.new("1", (10_001, 10_000)).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])  # no pixel of it has to be there
    with pytest.raises(DecodeError, match="10001 x 10000 are more than 100 million pixels"):
        require_photo(path)


@pytest.mark.parametrize("format", ["PPM", "ICNS"])
def test_formats_of_other_programs_are_not_opened(format: str, tmp_path: Path) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "photo.png", format=format)
    with pytest.raises(DecodeError, match="no image"):
        require_photo(tmp_path / "photo.png")
