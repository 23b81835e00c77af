import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from networks.sliding_window import Blend, sliding_window


def brightness(image: Tensor) -> Tensor:
    """A network that looks at one pixel at a time."""
    return torch.stack((image.sum(1), image[:, 0]), 1)


def place(image: Tensor) -> Tensor:
    """A network whose answer depends on the place in its window."""
    across = torch.arange(image.shape[3], dtype=image.dtype)
    down = torch.arange(image.shape[2], dtype=image.dtype)[:, None]
    return image[:, :1] * (1 + across + 10 * down)


def picture(height: int, width: int, number: int = 1) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.rand(number, 3, height, width, generator=random, dtype=torch.float64)


@settings(max_examples=30)
@given(
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from(["mean", "pyramid"]),
)
def test_what_depends_on_the_pixel_alone_is_that_of_the_whole_image(
    height: int, width: int, window: int, stride: int, blend: Blend
) -> None:
    image = picture(height, width, 2)
    found = sliding_window(
        brightness, image, window=window, stride=min(stride, window), blend=blend, batch_size=3
    )
    torch.testing.assert_close(found, brightness(image))


@pytest.mark.parametrize("size", [(8, 8), (5, 8), (1, 1)])
def test_one_window_is_the_whole_image_to_the_last_bit(size: tuple[int, int]) -> None:
    image = picture(*size, number=3).float()
    found = sliding_window(place, image, window=8, stride=4, blend="pyramid", batch_size=2)
    assert torch.equal(found, place(image))


def test_windows_are_averaged_pixel_by_pixel() -> None:
    image = picture(11, 9)
    total, counted = np.zeros((11, 9)), np.zeros((11, 9))
    for top in (0, 4, 5):  # the last one ends with the image
        for left in (0, 3):
            part = place(image[:, :, top : top + 6, left : left + 6])[0, 0].numpy()
            total[top : top + 6, left : left + 6] += part
            counted[top : top + 6, left : left + 6] += 1
    found = sliding_window(place, image, window=6, stride=4)
    np.testing.assert_allclose(found[0, 0].numpy(), total / counted)


def test_pyramid_counts_the_middle_of_a_window_most() -> None:
    image = torch.ones(1, 3, 1, 6, dtype=torch.float64)
    found = sliding_window(place, image, window=4, stride=2, blend="pyramid")
    # windows at 0 and 2, weights 1 2 2 1: where both see a pixel, 2 and 1 or 1 and 2 of 3
    expected = [1, 2, (2 * 3 + 1 * 1) / 3, (1 * 4 + 2 * 2) / 3, 3, 4]
    torch.testing.assert_close(found[0, 0, 0], torch.tensor(expected, dtype=torch.float64))


def test_windows_of_all_images_are_seen_in_full_batches() -> None:
    sizes = []

    def seen(windows: Tensor) -> Tensor:
        sizes.append(len(windows))
        return brightness(windows)

    sliding_window(seen, picture(8, 8, 3), window=4, stride=4, batch_size=5)
    assert sizes == [5, 5, 2]


@pytest.mark.parametrize(("window", "stride"), [(4, 5), (4, 0), (0, 0)])
def test_gaps_are_refused(window: int, stride: int) -> None:
    with pytest.raises(ValueError, match=f"stride {stride} must be from 1 to window {window}"):
        sliding_window(brightness, picture(8, 8), window=window, stride=stride)


def test_windows_need_not_be_square() -> None:
    seen: list[tuple[int, int]] = []

    def sizes(windows: Tensor) -> Tensor:
        seen.extend([(windows.shape[2], windows.shape[3])] * len(windows))
        return brightness(windows)

    image = picture(8, 12)
    found = sliding_window(sizes, image, window=(4, 6), stride=(4, 3))
    torch.testing.assert_close(found, brightness(image))
    assert seen == [(4, 6)] * (2 * 3)
