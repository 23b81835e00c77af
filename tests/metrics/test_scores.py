"""Equality with pysodmetrics 1.6.2, on maps of every kind."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from py_sod_metrics import MAE, FmeasureV2
from py_sod_metrics.fmeasurev2 import FmeasureHandler, PrecisionHandler, RecallHandler

from metrics.scores import MEASURES, ImageScores, image_scores, set_scores

Plane = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Curve = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
FEW_VALUES = st.sampled_from([0, 1, 2, 3, 127, 128, 129, 254, 255])  # ties and narrow ranges
ANY_VALUES = st.integers(0, 255)


class Reference(NamedTuple):
    mae: float
    adaptive_f: float
    f: Curve
    precision: Curve
    recall: Curve


def reference(pairs: list[tuple[Plane, Plane]]) -> Reference:
    mae = MAE()
    curves = FmeasureV2(
        {
            "f": FmeasureHandler(beta=0.3, with_dynamic=True, with_adaptive=True),
            "p": PrecisionHandler(with_dynamic=True, with_adaptive=False),
            "r": RecallHandler(with_dynamic=True, with_adaptive=False),
        }
    )
    for prediction, truth in pairs:
        mae.step(prediction, truth)
        curves.step(prediction, truth)
    results = curves.get_results()
    return Reference(
        mae=float(mae.get_results()["mae"]),
        adaptive_f=float(results["f"]["adaptive"]),
        # the reference lists thresholds from 255 down
        f=results["f"]["dynamic"][::-1],
        precision=results["p"]["dynamic"][::-1],
        recall=results["r"]["dynamic"][::-1],
    )


def scores_of(prediction: Plane, truth: Plane) -> ImageScores:
    return image_scores(torch.from_numpy(prediction), torch.from_numpy(truth), None)


def assert_equal(ours: ImageScores, expected: Reference) -> None:
    assert ours.mae == pytest.approx(expected.mae, abs=1e-9)
    assert ours.adaptive_f == pytest.approx(expected.adaptive_f, abs=1e-9)
    np.testing.assert_allclose(ours.f.numpy(), expected.f, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours.precision.numpy(), expected.precision, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours.recall.numpy(), expected.recall, rtol=0, atol=1e-9)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Plane, Plane]:
    shape = draw(SHAPES)
    values = draw(st.sampled_from([FEW_VALUES, ANY_VALUES]))
    prediction = draw(arrays(np.uint8, shape, elements=values, fill=values))
    truth = draw(arrays(np.uint8, shape, elements=FEW_VALUES, fill=FEW_VALUES))
    return prediction, truth


@given(pairs())
def test_scores_of_any_pair_equal_pysodmetrics(pair: tuple[Plane, Plane]) -> None:
    assert_equal(scores_of(*pair), reference([pair]))


@pytest.mark.parametrize("prediction", [0, 1, 85, 127, 128, 254, 255])
@pytest.mark.parametrize("truth", [0, 128, 129, 255])
def test_scores_of_constant_maps_equal_pysodmetrics(prediction: int, truth: int) -> None:
    pair = np.full((7, 5), prediction, np.uint8), np.full((7, 5), truth, np.uint8)
    assert_equal(scores_of(*pair), reference([pair]))


def soft_pair(seed: int, shape: tuple[int, int]) -> tuple[Plane, Plane]:
    """A blurred blob and a noisy, darkened guess of it."""
    noise = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]] / np.array(shape)[:, None, None] - 0.5
    blob = 1 / (1 + np.exp(40 * (np.hypot(y, x) - noise.uniform(0.1, 0.4))))
    guess = np.clip(blob * 0.6 + noise.normal(0.1, 0.1, shape), 0, 1)
    return (guess * 255).astype(np.uint8), (blob * 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (37, 53), (300, 401)])
def test_scores_of_soft_maps_equal_pysodmetrics(shape: tuple[int, int]) -> None:
    pair = soft_pair(3, shape)
    assert_equal(scores_of(*pair), reference([pair]))


def test_a_value_exactly_at_the_adaptive_threshold_falls_where_the_reference_puts_it() -> None:
    prediction = np.array([[0, 0, 0, 1, 2, 3]], np.uint8)  # twice the mean is 2/3, and so is 2
    truth = np.array([[0, 0, 0, 0, 255, 0]], np.uint8)
    pair = prediction, truth
    assert scores_of(*pair).adaptive_f == pytest.approx(reference([pair]).adaptive_f, abs=1e-9)


def test_scores_of_a_set_equal_pysodmetrics() -> None:
    made = [soft_pair(seed, (30 + seed, 40)) for seed in range(9)]
    expected = reference(made)
    values = set_scores([scores_of(*pair) for pair in made]).values()
    assert list(values) == [measure.key for measure in MEASURES]
    assert values["mae"] == pytest.approx(expected.mae, abs=1e-9)
    assert values["max_f"] == pytest.approx(expected.f.max(), abs=1e-9)
    assert values["mean_f"] == pytest.approx(expected.f.mean(), abs=1e-9)
    assert values["adaptive_f"] == pytest.approx(expected.adaptive_f, abs=1e-9)


def test_the_order_of_the_images_changes_no_digit() -> None:
    scores = [scores_of(*soft_pair(seed, (20, 30))) for seed in range(20)]
    forwards, backwards = set_scores(scores), set_scores(scores[::-1])
    assert forwards.values() == backwards.values()
    assert torch.equal(forwards.precision, backwards.precision)


@given(pairs())
def test_ignored_pixels_score_as_if_they_were_right(pair: tuple[Plane, Plane]) -> None:
    prediction, truth = pair
    weight = np.random.default_rng(0).choice(np.array([0, 1, 255], np.uint8), prediction.shape)
    mended = np.where(weight == 0, np.where(truth > 128, 255, 0), prediction).astype(np.uint8)
    ours = image_scores(*(torch.from_numpy(plane) for plane in (prediction, truth, weight)))
    assert_equal(ours, reference([(mended, truth)]))


def test_a_perfect_map_is_perfect() -> None:
    truth = torch.zeros(9, 11, dtype=torch.uint8)
    truth[2:5, 3:9] = 255
    scores = image_scores(truth, truth, None)
    assert scores.mae == 0
    assert scores.adaptive_f == 1
    assert float(scores.f[1:].min()) == 1  # at threshold 0 everything is found


def test_a_map_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="resize the prediction"):
        image_scores(
            torch.zeros(4, 5, dtype=torch.uint8), torch.zeros(5, 4, dtype=torch.uint8), None
        )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_scores_on_the_gpu_are_the_same() -> None:
    prediction, truth = (torch.from_numpy(plane) for plane in soft_pair(1, (301, 203)))
    here, there = (
        image_scores(prediction.to(device), truth.to(device), None) for device in ("cpu", "cuda")
    )
    assert (here.mae, here.adaptive_f) == (there.mae, there.adaptive_f)
    assert torch.equal(here.f, there.f)
