import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from py_sod_metrics import MAE, Emeasure, FmeasureV2, Smeasure
from py_sod_metrics.fmeasurev2 import (
    DICEHandler,
    FmeasureHandler,
    IOUHandler,
    PrecisionHandler,
    RecallHandler,
)
from sklearn.metrics import precision_recall_curve
from torchmetrics.functional.classification import binary_precision_recall_curve

from metrics.f_measure import BETA_SQUARED
from metrics.measures import MEASURES, PIXELWISE, VARIANTS
from metrics.scores import ImageScores, image_scores
from metrics.set_scores import set_scores

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def soft_pair(seed: int) -> Pair:
    noise = np.random.default_rng(seed)
    shape = (30 + seed, 40)
    y, x = np.mgrid[: shape[0], : shape[1]] / np.array(shape)[:, None, None] - 0.5
    blob = 1 / (1 + np.exp(40 * (np.hypot(y, x) - noise.uniform(0.1, 0.4))))
    guess = np.clip(blob * 0.6 + noise.normal(0.2, 0.15, shape), 0, 1)
    # the whole range is used, so that stretching changes nothing and pooling can be compared
    guess.flat[0], guess.flat[1] = 0, 1
    return (guess * 255).astype(np.uint8), (blob * 255).astype(np.uint8)


PAIRS = [soft_pair(seed) for seed in range(9)]


def scored() -> list[ImageScores]:
    return [
        image_scores(torch.from_numpy(p), torch.from_numpy(t), None, measures=PIXELWISE)
        for p, t in PAIRS
    ]


def f_of(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> NDArray[np.float64]:
    total = BETA_SQUARED * precision + recall
    f = (1 + BETA_SQUARED) * precision * recall / np.where(total > 0, total, 1)
    return np.asarray(f, np.float64)


def test_scores_of_a_set_equal_pysodmetrics() -> None:
    mae, e, s = MAE(), Emeasure(), Smeasure()
    curves = FmeasureV2(
        {
            "f": FmeasureHandler(beta=0.3, with_dynamic=True, with_adaptive=True),
            "iou": IOUHandler(with_dynamic=True, with_adaptive=False, with_binary=True),
            "dice": DICEHandler(with_dynamic=True, with_adaptive=False, with_binary=True),
        }
    )
    for pair in PAIRS:
        for metric in (mae, e, s, curves):
            metric.step(*pair)
    of_f, of_e = curves.get_results(), e.get_results()["em"]
    scores = set_scores(scored())
    values = scores.values()
    assert list(values) == [m.key for m in MEASURES if m.key in PIXELWISE]
    assert values == pytest.approx(
        {
            "mae": mae.get_results()["mae"],
            "max_f": of_f["f"]["dynamic"].max(),
            "mean_f": of_f["f"]["dynamic"].mean(),
            "adaptive_f": of_f["f"]["adaptive"],
            "s": s.get_results()["sm"],
            "max_e": of_e["curve"].max(),
            "mean_e": of_e["curve"].mean(),
            "adaptive_e": of_e["adp"],
            "iou": of_f["iou"]["binary"],
            "dice": of_f["dice"]["binary"],
        },
        abs=1e-9,
    )
    assert scores.variants()["max_iou"] == pytest.approx(of_f["iou"]["dynamic"].max(), abs=1e-9)
    assert scores.variants()["max_dice"] == pytest.approx(of_f["dice"]["dynamic"].max(), abs=1e-9)


def test_the_variants_of_max_f_are_what_their_names_say() -> None:
    curves = FmeasureV2(
        {
            "f": FmeasureHandler(beta=0.3, with_dynamic=True, with_adaptive=False),
            "p": PrecisionHandler(with_dynamic=True, with_adaptive=False),
            "r": RecallHandler(with_dynamic=True, with_adaptive=False),
        }
    )
    maxima = []
    for pair in PAIRS:
        curves.step(*pair)
        maxima.append(np.max(curves._metric_handlers["f"].dynamic_results[-1]))
    means = curves.get_results()
    prediction = np.concatenate([p.flatten() for p, _ in PAIRS])
    truth = np.concatenate([t.flatten() > 128 for _, t in PAIRS])
    precision, recall, _ = precision_recall_curve(truth, prediction)
    variants = set_scores(scored()).variants()
    assert list(variants) == [v.key for v in VARIANTS]
    assert variants["mean_of_max_f"] == pytest.approx(np.mean(maxima), abs=1e-9)
    assert variants["max_f_of_mean_precision_and_recall"] == pytest.approx(
        f_of(means["p"]["dynamic"], means["r"]["dynamic"]).max(), abs=1e-9
    )
    assert variants["max_f_of_pooled_pixels"] == pytest.approx(
        f_of(precision, recall).max(), abs=1e-9
    )


def test_pooled_pixels_give_what_torchmetrics_gives() -> None:
    prediction = torch.cat([torch.from_numpy(p).flatten() for p, _ in PAIRS]).double() / 255
    truth = torch.cat([torch.from_numpy(t).flatten() > 128 for _, t in PAIRS]).long()
    levels = torch.arange(256, dtype=torch.float64) / 255
    precision, recall, _ = binary_precision_recall_curve(prediction, truth, levels)
    expected = f_of(precision.double().numpy(), recall.double().numpy()).max()
    # torchmetrics divides in float32
    ours = set_scores(scored()).variants()["max_f_of_pooled_pixels"]
    assert ours == pytest.approx(expected, abs=1e-6)


def test_the_order_of_the_images_changes_no_digit() -> None:
    made = scored()
    forwards, backwards = set_scores(made), set_scores(made[::-1])
    assert forwards.values() == backwards.values()
    assert forwards.variants() == backwards.variants()
    for name, curve in forwards.curves.items():
        assert torch.equal(curve, backwards.curves[name]), name


def test_large_counts_keep_their_digits() -> None:
    made = scored()
    for place, scores in enumerate(made):
        scores.values["hce"] = 10.0**12 + place
    assert set_scores(made).values()["hce"] == 10.0**12 + 4
