"""Against the published post-processing, written out in NumPy."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightningmodules.label_decision import (
    SigmoidDecision,
    SoftmaxDecision,
    best_label,
    class_scores,
)

OWNERS = torch.tensor([0, 0, 0, 1, 2, 2, 3, 4, 4, 4])
NUM = 5


def scores(seed: int, *, num: int = 10, size: tuple[int, int] = (9, 13)) -> Tensor:
    return torch.randn(num, *size, generator=torch.Generator().manual_seed(seed)) * 0.05


def found(values: Tensor, decision: SoftmaxDecision | SigmoidDecision, owners: Tensor) -> Tensor:
    by_label = class_scores(decision.probabilities(values), owners, NUM)
    best, label = best_label(by_label, decision, has_background=True)
    return torch.where(best > decision.threshold, label, 0)


def sclip(
    cosines: NDArray[np.float64], scale: float, threshold: float, share: float
) -> NDArray[np.int64]:
    """Do as SCLIP's paper and code say: softmax, best word of a class, small areas, threshold."""
    weights = np.exp(cosines * scale)
    probabilities = weights / weights.sum(0)
    owners = OWNERS.numpy()
    by_class = np.stack([probabilities[owners == k].max(0) for k in range(NUM)])
    first = by_class.argmax(0)
    areas = np.array([(first == k).sum() for k in range(1, NUM)])
    by_class[1:][areas <= share * areas.sum()] = 0
    label: NDArray[np.int64] = by_class.argmax(0)
    label[by_class.max(0) < threshold] = 0
    return label


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5])
def test_softmax_decides_as_sclip_does(threshold: float, share: float) -> None:
    decision = SoftmaxDecision(threshold=threshold, scale=40, least_share=share)
    for seed in range(3):
        values = scores(seed)
        expected = sclip(values.double().numpy(), 40, threshold, share)
        assert np.array_equal(found(values, decision, OWNERS).numpy(), expected)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.9])
def test_sigmoid_decides_as_a_constant_map_in_front_does(threshold: float) -> None:
    values = scores(1, num=4) * 100
    constant = torch.full((1, 9, 13), threshold)
    expected = torch.cat([constant, values.sigmoid()]).argmax(0)
    decision = SigmoidDecision(threshold=threshold)
    assert torch.equal(found(values, decision, torch.arange(1, 5)), expected)


def test_the_best_word_of_a_class_counts() -> None:
    values = scores(0).abs()
    by_label = class_scores(values, OWNERS, NUM)
    for label in range(NUM):
        assert torch.equal(by_label[label], values[label == OWNERS].amax(0))


def test_a_label_without_words_scores_nothing() -> None:
    by_label = class_scores(scores(0, num=2).abs(), torch.tensor([1, 3]), NUM)
    assert by_label[[0, 2, 4]].abs().max() == 0


def test_one_word_a_label_is_passed_through() -> None:
    values = scores(0, num=NUM).abs()
    assert class_scores(values, torch.arange(NUM), NUM) is values


def test_without_background_a_class_is_found_everywhere() -> None:
    by_label = class_scores(scores(0).abs(), OWNERS, NUM)
    by_label[0] = 9
    _, label = best_label(by_label, SigmoidDecision(least_share=0.9), has_background=False)
    assert int(label.min()) >= 1
