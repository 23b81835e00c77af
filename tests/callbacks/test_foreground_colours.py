"""Colours of cut-outs, against composites whose foreground is known."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from callbacks.foreground_colours import foreground_colours

# the first import of pymatting on a machine compiles for a minute
pytestmark = pytest.mark.slow

SIDE = 96


def soft_disc() -> NDArray[np.uint8]:
    y, x = np.mgrid[:SIDE, :SIDE]
    distance = np.hypot(x - SIDE / 2, y - SIDE / 2)
    return np.rint(255 * np.clip((30 - distance) / 12 + 0.5, 0, 1)).astype(np.uint8)


def smooth_colours(seed: int, low: int, high: int) -> NDArray[np.float32]:
    coarse = np.random.default_rng(seed).integers(low, high, (3, 3, 3)).astype(np.float32)
    return cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def composite(alpha: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return a dark object on bright ground, and the object's own colours."""
    own, ground = smooth_colours(0, 0, 90), smooth_colours(1, 190, 256)
    share = alpha[..., None] / np.float32(255)
    return np.rint(share * own + (1 - share) * ground).astype(np.uint8), own


def test_halo_of_the_old_background_is_a_tenth_of_what_it_was() -> None:
    alpha = soft_disc()
    photo, own = composite(alpha)
    found = foreground_colours(photo, alpha)
    edge = (alpha > 12) & (alpha < 243)
    # what a viewer sees on a new ground: the error of the colour, as far as it is opaque
    share = alpha[edge][:, None] / 255
    before = np.abs(share * (photo[edge] - own[edge])).mean()
    after = np.abs(share * (found[edge] - own[edge])).mean()
    assert before > 20
    assert after < before / 10


def test_opaque_pixels_keep_the_colours_of_the_photo() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    alpha = soft_disc()
    found = foreground_colours(photo, alpha)
    assert np.array_equal(found[alpha == 255], photo[alpha == 255])


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (31, 17)])
def test_any_size_and_flat_masks_give_colours(shape: tuple[int, int], value: int) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    found = foreground_colours(photo, np.full(shape, value, np.uint8))
    assert found.shape == photo.shape
    assert found.dtype == np.uint8
    if value == 255:
        assert np.array_equal(found, photo)
