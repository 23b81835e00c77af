"""Against scikit-learn's confusion matrix and the boundary IoU of single masks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix as reference_confusion
from torch import Tensor
from torchmetrics.classification import MulticlassJaccardIndex

from metrics.boundary_iou import boundary_iou
from metrics.confusion import class_accuracy, class_iou, confusion_matrix, pixel_accuracy
from metrics.label_bands import band_overlap, label_band
from metrics.semantic import SemanticMetrics, mean_of_frequent
from tests.metrics.two_processes import synchronise

Labels = NDArray[np.uint8]
NUM = 5
SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14)
FOUND = st.integers(0, NUM - 1)
TRUE = st.sampled_from([*range(NUM), 255])
PAIRS = SHAPES.flatmap(
    lambda shape: st.tuples(
        arrays(np.uint8, shape, elements=FOUND), arrays(np.uint8, shape, elements=TRUE)
    )
)


def reference(found: Labels, truth: Labels) -> NDArray[np.int64]:
    counts = truth != 255
    if not counts.any():
        return np.zeros((NUM, NUM), np.int64)
    matrix: NDArray[np.int64] = reference_confusion(
        truth[counts], found[counts], labels=list(range(NUM))
    )
    return matrix


def matrix_of(found: Labels, truth: Labels) -> Tensor:
    return confusion_matrix(torch.from_numpy(found), torch.from_numpy(truth), num_labels=NUM)


@settings(max_examples=25)
@given(PAIRS)
def test_confusion_equals_that_of_scikit_learn(pair: tuple[Labels, Labels]) -> None:
    assert np.array_equal(matrix_of(*pair).numpy(), reference(*pair))


@settings(max_examples=25)
@given(PAIRS)
def test_iou_and_accuracies_follow_from_masks(pair: tuple[Labels, Labels]) -> None:
    found, truth = pair
    matrix = matrix_of(found, truth)
    counts = truth != 255
    for label, (iou, accuracy) in enumerate(
        zip(class_iou(matrix).tolist(), class_accuracy(matrix).tolist(), strict=True)
    ):
        is_found, is_true = (found == label) & counts, (truth == label) & counts
        both, either = (is_found & is_true).sum(), (is_found | is_true).sum()
        assert iou == pytest.approx(both / either if either else np.nan, nan_ok=True)
        assert accuracy == pytest.approx(
            both / is_true.sum() if is_true.any() else np.nan, nan_ok=True
        )
    right = (found == truth).sum() / counts.sum() if counts.any() else np.nan
    assert float(pixel_accuracy(matrix)) == pytest.approx(right, nan_ok=True)


def test_mean_iou_equals_that_of_torchmetrics() -> None:
    generator = torch.Generator().manual_seed(0)
    found = torch.randint(NUM, (3, 20, 30), generator=generator)
    truth = torch.randint(NUM, (3, 20, 30), generator=generator)
    truth[torch.rand(truth.shape, generator=generator) < 0.2] = 255
    theirs = MulticlassJaccardIndex(NUM, ignore_index=255, average="macro")
    theirs.update(found, truth)
    ours = SemanticMetrics(NUM)
    ours.update(found.to(torch.uint8), truth.to(torch.uint8))
    assert float(ours.compute()["mean_iou"]) == pytest.approx(float(theirs.compute()), abs=1e-6)


def test_a_perfect_map_scores_one_whatever_it_says_where_truth_is_void() -> None:
    truth = np.full((60, 80), 1, np.uint8)
    truth[10:40, 20:60] = 2
    truth[8:12, 18:62] = 255
    found = truth.copy()
    found[truth == 255] = np.random.default_rng(0).choice([0, 1, 2], (truth == 255).sum())
    for guess in (found, np.where(truth == 255, 1, truth).astype(np.uint8)):
        metric = SemanticMetrics(3)
        metric.update([torch.from_numpy(guess)], [torch.from_numpy(truth)])
        assert {key: float(value) for key, value in metric.compute().items()} == {
            "mean_iou": 1, "pixel_accuracy": 1, "mean_accuracy": 1, "mean_boundary_iou": 1,
        }  # fmt: skip


def test_a_class_that_is_found_where_it_never_is_counts_as_zero() -> None:
    metric = SemanticMetrics(4)
    metric.update(torch.tensor([[[1, 3]]]), torch.tensor([[[1, 1]]], dtype=torch.uint8))
    assert metric.per_class()["iou"].nan_to_num(nan=-1).tolist() == [-1, 0.5, -1, 0]
    assert float(metric.compute()["mean_iou"]) == 0.25


@settings(max_examples=25)
@given(PAIRS, st.sampled_from([0.02, 0.1, 0.3]))
def test_bands_of_all_labels_are_those_of_each_mask(
    pair: tuple[Labels, Labels], ratio: float
) -> None:
    found, truth = pair
    truth = np.where(truth == 255, 0, truth).astype(np.uint8)
    both, either = band_overlap(found, truth, num_labels=NUM, dilation_ratio=ratio)
    for label in range(NUM):
        expected = boundary_iou(found == label, truth == label, dilation_ratio=ratio)
        assert (both[label] / either[label] if either[label] else 1.0) == expected


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (3, 3)])
def test_all_of_a_small_map_is_band(shape: tuple[int, int]) -> None:
    assert label_band(np.ones(shape, np.uint8), 1).sum() == np.prod(shape) - (shape == (3, 3))


@settings(max_examples=25)
@given(PAIRS)
def test_void_pixels_are_in_no_band(pair: tuple[Labels, Labels]) -> None:
    found, truth = pair
    _, either = band_overlap(found, truth, num_labels=NUM, dilation_ratio=2.0)  # all is band
    counts = truth != 255
    for label in range(NUM):
        assert either[label] == (((found == label) | (truth == label)) & counts).sum()


def test_two_processes_count_what_one_does() -> None:
    generator = torch.Generator().manual_seed(1)
    maps = [torch.randint(NUM, (9 + k, 7), generator=generator).to(torch.uint8) for k in range(3)]
    whole, first, second = (SemanticMetrics(NUM) for _ in range(3))
    pairs = [(maps[0], maps[0]), (maps[1], maps[1].flip(0)), (maps[2], maps[2].flip(1))]
    for metric, some in ((whole, pairs), (first, pairs[:1]), (second, pairs[1:])):
        metric.update([found for found, _ in some], [truth for _, truth in some])
    states = ("confusion", "bands_both", "bands_either", "num_images")
    synchronise(first, second, states)
    for name in states:
        assert torch.equal(getattr(first, name), getattr(whole, name))
        assert getattr(first, name).dtype == torch.int64


def test_without_background_a_pixel_without_a_class_is_missed_and_nothing_more() -> None:
    truth = torch.tensor([[1, 1, 2, 2, 255]], dtype=torch.uint8)
    found = torch.tensor([[1, 0, 2, 1, 0]], dtype=torch.uint8)
    metric = SemanticMetrics(3, has_background=False)
    metric.update([found], [truth])
    # 1: one pixel of two, and one of another; 2: one of two
    assert metric.per_class()["iou"][1:].tolist() == pytest.approx([1 / 3, 1 / 2])
    assert metric.per_class()["iou"][0].isnan()
    assert metric.per_class()["boundary_iou"][0].isnan()
    assert float(metric.compute()["mean_iou"]) == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert float(metric.compute()["pixel_accuracy"]) == 0.5
    assert float(metric.compute()["mean_accuracy"]) == 0.5


def test_images_of_a_class_are_counted_in_the_truth() -> None:
    metric = SemanticMetrics(3)
    one, two = torch.tensor([[1, 1]]).to(torch.uint8), torch.tensor([[1, 2]]).to(torch.uint8)
    metric.update([one, two], [two, one])
    assert metric.per_class()["num_images"].tolist() == [0, 2, 1]


def test_a_mean_over_frequent_classes_leaves_rare_ones_out() -> None:
    values = torch.tensor([0.9, 0.5, 0.1, torch.nan, 0.7], dtype=torch.float64)
    num_images = torch.tensor([40, 10, 9, 0, 30])
    assert float(mean_of_frequent(values, num_images)) == pytest.approx(0.6)
    assert mean_of_frequent(values, torch.zeros(5)).isnan()


def test_background_is_no_frequent_class() -> None:
    values = torch.tensor([0.9, 0.1], dtype=torch.float64)
    assert mean_of_frequent(values, torch.tensor([40, 9])).isnan()


def test_boundaries_can_be_left_out() -> None:
    metric = SemanticMetrics(3, dilation_ratio=0)
    metric.update([torch.ones(4, 4)], [torch.ones(4, 4, dtype=torch.uint8)])
    assert {*metric.compute()} == {"mean_iou", "pixel_accuracy", "mean_accuracy"}
    assert "boundary_iou" not in metric.per_class()


def test_nothing_counted_gives_no_number() -> None:
    metric = SemanticMetrics(3)
    void = torch.full((4, 5), 255, dtype=torch.uint8)
    metric.update([torch.zeros_like(void)], [void])
    assert all(value.isnan() for value in metric.compute().values())


def test_another_size_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"one size, got \(2, 3\) and \(3, 2\)"):
        matrix_of(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))


def test_a_label_outside_the_list_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"truth holds label 7, but there are 5 labels \(0 to 4\)"):
        matrix_of(np.zeros((1, 1), np.uint8), np.full((1, 1), 7, np.uint8))


@pytest.mark.parametrize("num_labels", [1, 256])
def test_labels_that_no_byte_holds_are_an_error(num_labels: int) -> None:
    with pytest.raises(ValueError, match="a label map holds 2 to 255"):
        SemanticMetrics(num_labels)
