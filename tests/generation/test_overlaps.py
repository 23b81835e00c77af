import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from generation.labelers.overlaps import resolve


def one_pixel(masks: list[float], scores: list[float], classes: list[int]) -> tuple[int, int]:
    label, weight = resolve(
        torch.tensor(masks).view(-1, 1, 1),
        torch.tensor(scores),
        torch.tensor(classes),
        threshold=0.3,
    )
    return int(label), int(weight)


def test_image_without_detections_is_background_that_counts_in_full() -> None:
    label, weight = resolve(
        torch.zeros(0, 3, 5), torch.zeros(0), torch.zeros(0, dtype=torch.long), threshold=0.3
    )
    assert label.dtype == weight.dtype == torch.uint8
    assert torch.equal(label, torch.zeros(3, 5, dtype=torch.uint8))
    assert torch.equal(weight, torch.full((3, 5), 255, dtype=torch.uint8))


@pytest.mark.parametrize(
    ("masks", "scores", "classes", "wanted"),
    [
        ([1.0], [0.6], [2], (2, 255)),
        ([1.0, 1.0], [0.5, 0.8], [1, 2], (2, round(255 * 3 / 8))),
        ([1.0, 1.0], [0.8, 0.8], [1, 2], (1, 0)),
        ([1.0, 1.0], [0.5, 0.8], [2, 2], (2, 255)),  # of one class, they do not compete
        ([1.0], [0.27], [1], (0, round(255 * 0.03 / 0.3))),  # between the thresholds: doubt
        ([1.0, 1.0], [0.27, 0.6], [1, 2], (2, round(255 * 0.33 / 0.6))),
        ([0.75], [0.6], [1], (1, round(255 * 0.5))),
        ([0.25], [0.6], [1], (0, round(255 * 0.5))),
        ([0.6, 0.9], [0.7, 0.6], [1, 1], (1, round(255 * 0.8))),  # the surer mask of the class
    ],
)
def test_pixel_goes_to_the_best_score_and_counts_by_its_margin(
    masks: list[float], scores: list[float], classes: list[int], wanted: tuple[int, int]
) -> None:
    label, weight = one_pixel(masks, scores, classes)
    assert label == wanted[0]
    assert weight == pytest.approx(wanted[1], abs=1)


def by_definition(masks: Tensor, scores: Tensor, classes: Tensor, limit: float) -> np.ndarray:
    """Label and weight of each pixel, one after the other."""
    out = np.zeros((2, *masks.shape[1:]))
    for y, x in np.ndindex(*masks.shape[1:]):
        found = [
            (float(s), int(c), float(m))
            for s, c, m in zip(scores, classes, masks[:, y, x], strict=True)
        ]
        covers = [each for each in found if each[2] >= 0.5]
        sure = [each for each in covers if each[0] >= limit]
        best = max(sure, key=lambda each: each[0], default=(limit, 0, 0.0))
        label = best[1]
        rival = max((s for s, c, _ in covers if c != label), default=0.0)
        own = [2 * m - 1 for s, c, m in sure if c == label]
        around = [2 * m for s, _, m in found if s >= limit and m < 0.5]
        sureness = max(own) if label else 1 - max(around, default=0.0)
        out[:, y, x] = label, 255 * (best[0] - rival) / best[0] * sureness
    return out


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 6), st.integers(0, 1000))
def test_labels_and_weights_are_those_of_the_definition(number: int, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    masks = torch.rand(number, 3, 4, generator=random)
    scores = 0.25 + 0.7 * torch.rand(number, generator=random)
    classes = torch.randint(1, 4, (number,), generator=random)
    label, weight = resolve(masks, scores, classes, threshold=0.4)
    wanted = by_definition(masks, scores, classes, 0.4)
    np.testing.assert_array_equal(label.numpy(), wanted[0])
    np.testing.assert_allclose(weight.numpy(), wanted[1], atol=0.51)
