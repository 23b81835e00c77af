"""A folder that Pillow wrote scores as pysodmetrics says."""

from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from PIL import Image
from py_sod_metrics import MAE, Emeasure, Fmeasure, Smeasure, WeightedFmeasure

from datamodules.predictions import PredictionFolder
from lightningmodules.score_folder import ScoreFolder, at_size
from metrics.measures import ALL_MEASURES
from metrics.quantise import resize, to_uint8

pytestmark = pytest.mark.filterwarnings("ignore:The 'test_dataloader' does not have many workers")

Pixels = NDArray[np.uint8]


def blob(number: int, height: int, width: int) -> tuple[Pixels, Pixels]:
    """A disc, and a soft and noisy copy of it some pixels aside."""
    random = np.random.default_rng(number)
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - height / 2, x - width / 2) - min(height, width) / 3
    soft = 255 / (1 + np.exp(distance - random.uniform(-3, 3))) + random.normal(0, 20, x.shape)
    return np.where(distance < 0, 255, 0).astype(np.uint8), np.clip(soft, 0, 255).astype(np.uint8)


PAIRS = [blob(number, *size) for number, size in enumerate([(40, 50), (33, 71), (64, 21), (9, 9)])]


def write(root: Path, pairs: list[tuple[Pixels, Pixels]]) -> PredictionFolder:
    for name in ("masks", "maps"):
        (root / name).mkdir()
    for number, (truth, prediction) in enumerate(pairs):
        Image.fromarray(truth).save(root / "masks" / f"{number}.png")
        Image.fromarray(prediction).save(root / "maps" / f"{number}.png")
    return PredictionFolder(root / "maps", root / "masks", batch_size=3)


def score(data: PredictionFolder, root: Path, model: ScoreFolder | None = None) -> dict[str, float]:
    trainer = Trainer(
        accelerator="cpu",
        default_root_dir=root,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    (logged,) = trainer.test(model or ScoreFolder(skeletons=None), datamodule=data, verbose=False)
    return {name.removeprefix("test/"): value for name, value in logged.items()}


# the class that the literature used; the newer one gives no mean over images by default
@pytest.mark.filterwarnings("ignore:This class will be removed")
def test_folder_scores_as_the_reference_does(tmp_path: Path) -> None:
    found = score(write(tmp_path, PAIRS), tmp_path)
    reference = {
        **{"mae": MAE(), "f": Fmeasure(), "s": Smeasure(), "e": Emeasure()},
        "weighted_f": WeightedFmeasure(),
    }
    for truth, prediction in PAIRS:
        for measure in reference.values():
            measure.step(pred=prediction, gt=truth)
    f, e = (reference[name].get_results()[f"{name}m"] for name in "fe")
    expected = {
        "mae": reference["mae"].get_results()["mae"],
        "s": reference["s"].get_results()["sm"],
        **{"max_f": f["curve"].max(), "mean_f": f["curve"].mean(), "adaptive_f": f["adp"]},
        **{"max_e": e["curve"].max(), "mean_e": e["curve"].mean(), "adaptive_e": e["adp"]},
    }
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=1e-9)
    weighted_f = reference["weighted_f"].get_results()["wfm"]
    assert found["weighted_f"] == pytest.approx(weighted_f, abs=1e-5)


def test_skeletons_are_kept_and_change_nothing(tmp_path: Path) -> None:
    data = write(tmp_path, PAIRS)
    without = score(data, tmp_path)
    folder = tmp_path / "skeletons"
    first = score(data, tmp_path, ScoreFolder(skeletons=str(folder)))
    assert len(list(folder.iterdir())) == len(PAIRS)
    assert first == score(data, tmp_path, ScoreFolder(skeletons=str(folder))) == without


def test_every_measure_is_logged(tmp_path: Path) -> None:
    assert set(score(write(tmp_path, PAIRS[:1]), tmp_path)) == ALL_MEASURES


def test_variants_are_logged_where_asked_for(tmp_path: Path) -> None:
    found = score(write(tmp_path, PAIRS[:1]), tmp_path, ScoreFolder(variants=True, skeletons=None))
    assert "max_f_of_pooled_pixels" in found


def test_perfect_maps_are_perfect(tmp_path: Path) -> None:
    found = score(write(tmp_path, [(truth, truth) for truth, _ in PAIRS]), tmp_path)
    assert (found["mae"], found["max_f"], found["iou"]) == (0, 1, 1)


def test_pixels_of_no_weight_do_not_count(tmp_path: Path) -> None:
    truth = PAIRS[0][0].copy()
    prediction = truth.copy()
    prediction[:5] = 255 - prediction[:5]
    truth[:5] = 100
    data = write(tmp_path, [(truth, prediction)])
    data.void = 100
    assert score(data, tmp_path)["mae"] == 0


def test_map_of_another_size_follows_the_rule_of_networks() -> None:
    stored = torch.from_numpy(PAIRS[0][1])
    expected = to_uint8(resize(stored / 255, (99, 31)))
    assert torch.equal(at_size(stored, (99, 31)), expected)


def test_map_that_fits_is_not_touched() -> None:
    stored = torch.arange(256, dtype=torch.uint8).reshape(16, 16)
    assert at_size(stored, (16, 16)) is stored


def test_a_pixel_becomes_a_constant_map() -> None:
    assert at_size(torch.tensor([[7]], dtype=torch.uint8), (3, 2)).eq(7).all()
