"""Equality with pysodmetrics 1.6.2, on maps of every kind."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from py_sod_metrics import (
    MAE,
    Emeasure,
    FmeasureV2,
    HumanCorrectionEffortMeasure,
    Smeasure,
    WeightedFmeasure,
)
from py_sod_metrics.fmeasurev2 import (
    DICEHandler,
    FmeasureHandler,
    IOUHandler,
    PrecisionHandler,
    RecallHandler,
)

from metrics.histogram import _on_device, joint_histogram
from metrics.measures import MEASURES, OF_THE_SET, PIXELWISE
from metrics.scores import ImageScores, image_scores

Plane = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Curve = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
FEW_VALUES = st.sampled_from([0, 1, 2, 3, 127, 128, 129, 254, 255])  # ties and narrow ranges
ANY_VALUES = st.integers(0, 255)


@dataclass
class Reference:
    values: dict[str, float]
    curves: dict[str, Curve]


def reference(prediction: Plane, truth: Plane) -> Reference:
    mae, e, s = MAE(), Emeasure(), Smeasure()
    curves = FmeasureV2(
        {
            "f": FmeasureHandler(beta=0.3, with_dynamic=True, with_adaptive=True),
            "precision": PrecisionHandler(with_dynamic=True, with_adaptive=False),
            "recall": RecallHandler(with_dynamic=True, with_adaptive=False),
            "iou": IOUHandler(with_dynamic=True, with_adaptive=False, with_binary=True),
            "dice": DICEHandler(with_dynamic=True, with_adaptive=False, with_binary=True),
        }
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        for metric in (mae, e, s, curves):
            metric.step(prediction, truth)
    results, of_e = curves.get_results(), e.get_results()["em"]
    return Reference(
        values={
            "mae": mae.get_results()["mae"],
            "mean_f": results["f"]["dynamic"].mean(),
            "adaptive_f": results["f"]["adaptive"],
            "s": s.get_results()["sm"],
            "mean_e": of_e["curve"].mean(),
            "adaptive_e": of_e["adp"],
            "iou": results["iou"]["binary"],
            "dice": results["dice"]["binary"],
        },
        # the reference lists thresholds from 255 down
        curves={name: result["dynamic"][::-1] for name, result in results.items()}
        | {"e": of_e["curve"][::-1]},
    )


def scores_of(prediction: Plane, truth: Plane) -> ImageScores:
    planes = torch.from_numpy(prediction), torch.from_numpy(truth)
    return image_scores(*planes, None, measures=PIXELWISE)


def assert_equal(ours: ImageScores, expected: Reference) -> None:
    assert set(ours.values) == set(expected.values)
    for key, value in expected.values.items():
        assert ours.values[key] == pytest.approx(value, rel=0, abs=1e-9), key
    assert set(ours.curves) == set(expected.curves)
    for name, curve in expected.curves.items():
        np.testing.assert_allclose(ours.curves[name], curve, rtol=0, atol=1e-9, err_msg=name)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Plane, Plane]:
    shape = draw(SHAPES.filter(lambda shape: shape != (1, 1)))
    values = draw(st.sampled_from([FEW_VALUES, ANY_VALUES]))
    prediction = draw(arrays(np.uint8, shape, elements=values, fill=values))
    truth = draw(arrays(np.uint8, shape, elements=FEW_VALUES, fill=FEW_VALUES))
    return prediction, truth


def expected_of(prediction: Plane, truth: Plane) -> Reference:
    """The reference; where it has a quadrant without pixels its S is NaN, and ours is kept."""
    expected = reference(prediction, truth)
    if np.isnan(expected.values["s"]):
        rows, columns = np.nonzero(truth > 128)
        at_the_edge = (
            round(rows.mean()) + 1 == truth.shape[0] or round(columns.mean()) + 1 == truth.shape[1]
        )
        assert at_the_edge
        expected.values["s"] = scores_of(prediction, truth).values["s"]
        assert 0 <= expected.values["s"] <= 1
    return expected


# the reference takes the mean of a quadrant without pixels
pytestmark = pytest.mark.filterwarnings("ignore:Mean of empty slice:RuntimeWarning")


@pytest.mark.slow
@given(pairs())
def test_scores_of_any_pair_equal_pysodmetrics(pair: tuple[Plane, Plane]) -> None:
    assert_equal(scores_of(*pair), expected_of(*pair))


@pytest.mark.parametrize("shape", [(7, 5), (64, 31)])
@pytest.mark.parametrize("prediction", [0, 1, 85, 127, 128, 254, 255])
@pytest.mark.parametrize("truth", [0, 128, 129, 255])
def test_scores_of_constant_maps_equal_pysodmetrics(
    prediction: int, truth: int, shape: tuple[int, int]
) -> None:
    pair = np.full(shape, prediction, np.uint8), np.full(shape, truth, np.uint8)
    assert_equal(scores_of(*pair), expected_of(*pair))


@pytest.mark.parametrize("value", [1, 3, 85, 100, 127, 200])
def test_a_constant_map_of_an_object_equals_pysodmetrics(value: int) -> None:
    # whether a constant quadrant is like a constant truth is decided by how numpy's sum rounds
    truth = np.zeros((61, 47), np.uint8)
    truth[5:9, 11:17] = 255
    pair = np.full_like(truth, value), truth
    assert_equal(scores_of(*pair), expected_of(*pair))


def soft_pair(seed: int, shape: tuple[int, int]) -> tuple[Plane, Plane]:
    """A blurred blob and a noisy, darkened guess of it."""
    noise = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]] / np.array(shape)[:, None, None] - 0.5
    blob = 1 / (1 + np.exp(40 * (np.hypot(y, x) - noise.uniform(0.1, 0.4))))
    guess = np.clip(blob * 0.6 + noise.normal(0.1, 0.1, shape), 0, 1)
    return (guess * 255).astype(np.uint8), (blob * 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(2, 9), (37, 53), (300, 401)])
def test_scores_of_soft_maps_equal_pysodmetrics(shape: tuple[int, int]) -> None:
    pair = soft_pair(3, shape)
    assert_equal(scores_of(*pair), expected_of(*pair))


def test_measures_of_the_planes_equal_pysodmetrics() -> None:
    prediction, truth = soft_pair(5, (90, 120))
    weighted, effort = WeightedFmeasure(), HumanCorrectionEffortMeasure()
    for metric in (weighted, effort):
        metric.step(prediction, truth)
    planes = torch.from_numpy(prediction), torch.from_numpy(truth)
    values = image_scores(*planes, None).values
    assert list(values) == [m.key for m in MEASURES if m.key not in OF_THE_SET]
    assert values["weighted_f"] == pytest.approx(weighted.get_results()["wfm"], abs=1e-5)
    # hardly any point here is one that OpenCV's versions keep differently; test_hce has the rest
    assert values["hce"] == pytest.approx(effort.get_results()["hce"], abs=1)


def test_a_given_skeleton_is_the_one_that_is_used() -> None:
    truth = torch.zeros(60, 70, dtype=torch.uint8)
    truth[30, 5:65] = 255  # a line so thin that only its skeleton tells that it was missed
    missed = torch.zeros_like(truth)
    assert image_scores(missed, truth, None).values["hce"] > 0
    assert image_scores(missed, truth, None, thinner=np.zeros_like).values["hce"] == 0


def test_an_object_in_the_last_column_has_an_s_measure() -> None:
    truth = np.zeros((6, 8), np.uint8)
    truth[:, 7] = 255
    assert scores_of(truth, truth).values["s"] == pytest.approx(1)
    assert scores_of(255 - truth, truth).values["s"] < 0.2


def test_a_single_pixel_is_scored() -> None:
    one = np.full((1, 1), 255, np.uint8)
    assert scores_of(one, one).values["mean_e"] == 1
    assert scores_of(one, one * 0).values["adaptive_e"] == 0


def test_a_value_exactly_at_the_adaptive_threshold_falls_where_the_reference_puts_it() -> None:
    prediction = np.array([[0, 0, 0, 1, 2, 3]], np.uint8)  # twice the mean is 2/3, and so is 2
    truth = np.array([[0, 0, 0, 0, 255, 0]], np.uint8)
    expected = expected_of(prediction, truth)
    ours = scores_of(prediction, truth)
    for key in ("adaptive_f", "adaptive_e"):
        assert ours.values[key] == pytest.approx(expected.values[key], abs=1e-9)


@pytest.mark.slow
@given(pairs())
def test_ignored_pixels_score_as_if_they_were_right(pair: tuple[Plane, Plane]) -> None:
    prediction, truth = pair
    weight = np.random.default_rng(0).choice(np.array([0, 1, 255], np.uint8), prediction.shape)
    mended = np.where(weight == 0, np.where(truth > 128, 255, 0), prediction).astype(np.uint8)
    planes = (torch.from_numpy(plane) for plane in (prediction, truth, weight))
    ours, expected = image_scores(*planes, measures=PIXELWISE), scores_of(mended, truth)
    assert ours.values == expected.values
    assert torch.equal(ours.found, expected.found)


def test_a_perfect_map_is_perfect() -> None:
    truth = torch.zeros(9, 11, dtype=torch.uint8)
    truth[2:5, 3:9] = 255
    scores = image_scores(truth, truth, None)
    assert scores.values["mae"] == scores.values["hce"] == 0
    for key in ("adaptive_f", "weighted_f", "s", "boundary_iou", "mba", "iou", "dice"):
        assert scores.values[key] == pytest.approx(1, abs=1e-12), key
    assert float(scores.curves["f"][1:].min()) == 1  # at threshold 0 everything is found


def test_a_map_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="resize the prediction"):
        image_scores(
            torch.zeros(4, 5, dtype=torch.uint8), torch.zeros(5, 4, dtype=torch.uint8), None
        )


@given(pairs())
def test_counts_taken_on_an_accelerator_are_those_of_the_cpu(pair: tuple[Plane, Plane]) -> None:
    planes = torch.from_numpy(pair[0]), torch.from_numpy(pair[1])
    here, there = joint_histogram(*planes), _on_device(*planes, pair[0].shape)
    assert (here.size, here.split) == (there.size, there.split)
    assert torch.equal(here.counts, there.counts)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_scores_on_the_gpu_are_the_same() -> None:
    prediction, truth = (torch.from_numpy(plane) for plane in soft_pair(1, (301, 203)))
    here, there = (
        image_scores(prediction.to(device), truth.to(device), None) for device in ("cpu", "cuda")
    )
    assert here.values == there.values
    assert torch.equal(here.found, there.found)
