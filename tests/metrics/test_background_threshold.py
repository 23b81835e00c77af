"""Against scoring at one threshold after the other."""

import pytest
import torch

from metrics.background_threshold import ThresholdSweep
from metrics.confusion import class_iou, confusion_matrix
from tests.metrics.two_processes import synchronise


def example(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    best = torch.rand(12, 9, generator=generator)
    best[0, :5] = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])  # on thresholds
    label = torch.randint(1, 4, best.shape, generator=generator)
    truth = torch.where(best + 0.3 * torch.rand(best.shape, generator=generator) > 0.6, label, 0)
    truth[torch.rand(best.shape, generator=generator) < 0.1] = 255
    return best, label, truth.to(torch.uint8)


def test_every_threshold_scores_as_if_it_were_the_only_one() -> None:
    sweep = ThresholdSweep(4, num_thresholds=21)
    for seed in (0, 1):
        sweep.update(*example(seed))
    result = sweep.compute()
    for threshold, mean_iou in zip(sweep.thresholds, result["curve"], strict=True):
        total = torch.zeros(4, 4, dtype=torch.int64)
        for seed in (0, 1):
            best, label, truth = example(seed)
            found = torch.where(best > threshold, label, 0)
            total += confusion_matrix(found, truth, num_labels=4)
        assert float(mean_iou) == pytest.approx(float(class_iou(total).nanmean()), abs=1e-12)
    assert float(result["mean_iou"]) == float(result["curve"].max())
    assert 0.2 < float(result["threshold"]) < 0.7


def test_pixels_that_are_background_already_stay_it() -> None:
    sweep = ThresholdSweep(2, num_thresholds=3)
    sweep.update(torch.tensor([[0.9]]), torch.tensor([[0]]), torch.tensor([[0]]).to(torch.uint8))
    assert sweep.compute()["curve"].tolist() == [1, 1, 1]


def test_the_lowest_of_equal_thresholds_wins() -> None:
    sweep = ThresholdSweep(2, num_thresholds=5)
    best, truth = torch.tensor([[0.1, 0.9]]), torch.tensor([[0, 1]]).to(torch.uint8)
    sweep.update(best, torch.ones(1, 2, dtype=torch.int64), truth)
    assert float(sweep.compute()["threshold"]) == 0.25


def test_counts_of_two_processes_add_up() -> None:
    whole, first, second = (ThresholdSweep(4) for _ in range(3))
    for sweep, seeds in ((whole, (0, 1)), (first, (0,)), (second, (1,))):
        for seed in seeds:
            sweep.update(*example(seed))
    synchronise(first, second, ["counts"])
    assert torch.equal(first.counts, whole.counts)
    assert first.counts.dtype == torch.int64


@pytest.mark.parametrize(("num", "low", "high"), [(1, 0, 1), (5, 1, 1), (5, 0.5, 0.1)])
def test_a_grid_without_a_way_up_is_an_error(num: int, low: float, high: float) -> None:
    with pytest.raises(ValueError, match="give two or more, upwards"):
        ThresholdSweep(3, num_thresholds=num, low=low, high=high)


def test_a_large_vocabulary_keeps_255_for_a_class() -> None:
    sweep = ThresholdSweep(1204, num_thresholds=3, void=-1)
    truth = torch.tensor([[255, 1203, 0, -1]])
    sweep.update(torch.tensor([[0.9, 0.8, 0.1, 0.9]]), torch.tensor([[255, 7, 9, 8]]), truth)
    # at .5 background and 255 are right, 1203 was missed and 7 found where it is not; at 1 all is
    # background, which 255 and 1203 are not
    assert sweep.compute()["curve"][1:].tolist() == [0.5, pytest.approx(1 / 9)]
    with pytest.raises(ValueError, match="void 255 is one of 1204 labels"):
        ThresholdSweep(1204)


@pytest.mark.parametrize(
    ("label", "truth", "named"), [(1, 5, "truth holds 5"), (4, 1, "label holds 4")]
)
def test_a_label_beyond_the_list_is_an_error(label: int, truth: int, named: str) -> None:
    maps = torch.tensor([[label]]), torch.tensor([[truth]])
    with pytest.raises(ValueError, match=f"{named}, but there are 4 labels"):
        ThresholdSweep(4).update(torch.tensor([[0.5]]), *maps)
