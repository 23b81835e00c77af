"""Intervals of the headline numbers."""

import numpy as np
import pytest
import torch

from callbacks.report_content import Row
from callbacks.report_intervals import headline_intervals
from callbacks.report_shape_plot import LEAST_SPAN, common_span
from callbacks.report_shapes import ASPECTS, Group, Relation
from metrics.scores import image_scores


def rows(num: int, *, same: bool = False) -> list[Row]:
    made = []
    for place in range(num):
        noise = torch.Generator().manual_seed(0 if same else place)
        prediction, truth = torch.randint(256, (2, 8, 8), generator=noise, dtype=torch.uint8)
        scores = image_scores(prediction, truth)
        made.append(
            Row(id=str(place), subset="", class_name="", size=(8, 8), scores=scores, priors={})
        )
    return made


def test_intervals_of_means_are_two_standard_errors_to_either_side() -> None:
    made = rows(60)
    values = np.array([row.scores.values["mae"] for row in made])
    low, high = headline_intervals(made)["mae"]
    error = 1.96 * values.std(ddof=1) / np.sqrt(len(made))
    assert low == pytest.approx(values.mean() - error, abs=0.2 * error)
    assert high == pytest.approx(values.mean() + error, abs=0.2 * error)


def test_equal_images_leave_no_doubt() -> None:
    made = rows(5, same=True)
    found = headline_intervals(made)
    assert set(found) == {"max_f", "weighted_f", "mae", "s", "mean_e", "hce"}
    best = float(made[0].scores.curves["f"].max())
    assert found["max_f"] == pytest.approx((best, best))


def test_a_single_image_has_no_interval() -> None:
    assert headline_intervals(rows(1)) == {}


def relation(*means: float) -> Relation:
    groups = [
        Group(low=0, high=1, num_images=4, mean=mean, quartiles=(mean - 0.01, mean, mean + 0.01))
        for mean in means
    ]
    return Relation(aspect=ASPECTS[0], groups=groups, rank_correlation=0.0, num_images=8)


@pytest.mark.parametrize("means", [(0.5, 0.51), (0.98, 0.985), (0.015, 0.02)])
def test_axis_of_shape_plots_is_wide_enough_for_small_differences_to_look_small(
    means: tuple[float, float],
) -> None:
    low, high = common_span([relation(*means)])
    assert 0 <= low < means[0] - 0.01
    assert means[1] + 0.01 < high <= 1.01
    assert high - low >= LEAST_SPAN


def test_shape_plots_share_one_axis_that_holds_all_groups() -> None:
    low, high = common_span([relation(0.2, 0.3), relation(0.7, 0.6)])
    assert 0.1 < low < 0.19
    assert 0.71 < high < 0.8
