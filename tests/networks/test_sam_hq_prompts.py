import pytest
import torch
from torch import Tensor

from networks.sam_hq_prompts import boxes_of, draw_noisy_mask, draw_points, draw_prompts


def rectangle() -> Tensor:
    mask = torch.zeros(1, 1, 64, 96)
    mask[..., 8:41, 16:65] = 1
    return mask


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_box_holds_the_first_and_last_pixel() -> None:
    assert boxes_of(rectangle()).tolist() == [[[16, 8, 64, 40]]]
    one = torch.zeros(1, 1, 5, 7)
    one[..., 3, 2] = 1
    assert boxes_of(one).tolist() == [[[2, 3, 2, 3]]]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_box_of_nothing_and_of_all_is_the_image(value: float) -> None:
    assert boxes_of(torch.full((1, 1, 5, 7), value)).tolist() == [[[0, 0, 6, 4]]]


def test_points_lie_in_the_object() -> None:
    mask = rectangle()
    x, y = draw_points(mask, generator()).long().unbind(-1)
    assert x.shape == (1, 1, 10)
    assert mask[0, 0, y, x].min() == 1


def test_points_of_nothing_lie_in_the_image() -> None:
    points = draw_points(torch.zeros(1, 1, 1, 1), generator())
    assert points.equal(torch.zeros(1, 1, 10, 2))


def test_noise_stays_at_the_border() -> None:
    square = torch.zeros(1, 1, 64, 64)
    square[..., 16:48, 16:48] = 1
    noisy = draw_noisy_mask(square, 64, generator())
    assert set(noisy.unique().tolist()) == {0.0, 255.0}
    wrong = (noisy / 255 != square)[0, 0]
    assert wrong.any()
    assert not wrong[26:38, 26:38].any()  # farther inside than a pixel of the reduced mask
    assert not wrong[:6].any()


def test_all_kinds_are_drawn_and_the_same_of_one_seed() -> None:
    kinds = set()
    for seed in range(20):
        one, two = [draw_prompts(rectangle(), 16, generator(seed)) for _ in range(2)]
        given = [name for name in ("boxes", "points", "masks") if getattr(one, name) is not None]
        assert len(given) == 1
        assert getattr(one, given[0]).equal(getattr(two, given[0]))
        kinds.update(given)
    assert kinds == {"boxes", "points", "masks"}
