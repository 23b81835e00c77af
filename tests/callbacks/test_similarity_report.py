"""The numbers of a comparison as a file, a picture and a table."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer

from callbacks.similarity_plot import similarity_plot
from callbacks.similarity_report import (
    SimilarityReport,
    as_numbers,
    lies_above_floor,
    standard_scores,
)
from datamodules.two_folders import TwoFolders
from metrics.set_comparison import SetComparison


def comparison(*, matched: float = 5.0, floor: float = 1.0, spread: float = 0.5) -> SetComparison:
    value, mean, std, floor_mean, floor_std = (
        torch.tensor(number, dtype=torch.float64)
        for number in (matched, matched, 0.25, floor, spread)
    )
    return SetComparison(
        value=value,
        matched_mean=mean,
        matched_std=std,
        floor_mean=floor_mean,
        floor_std=floor_std,
        num_real=10,
        num_generated=7,
        size=5,
        num_draws=3,
    )


def test_standard_scores_count_the_spreads_above_the_floor() -> None:
    assert standard_scores(comparison(matched=5, floor=1, spread=0.5)) == 8
    assert standard_scores(comparison(matched=0, floor=1, spread=0.5)) == -2


def test_standard_scores_are_unbounded_where_the_floor_does_not_vary() -> None:
    assert standard_scores(comparison(spread=0)) == math.inf
    assert as_numbers(comparison(spread=0))["standard_scores"] is None


@pytest.mark.parametrize(
    ("matched", "expected"), [(5.0, True), (2.1, True), (1.9, False), (1.0, False), (-9.0, False)]
)
def test_only_a_set_beyond_the_band_of_the_floor_lies_above_it(
    matched: float, expected: bool
) -> None:
    assert lies_above_floor(comparison(matched=matched, floor=1, spread=0.5)) is expected


def test_numbers_are_plain_and_complete() -> None:
    assert as_numbers(comparison()) == {
        "value": 5.0,
        "matched_mean": 5.0,
        "matched_std": 0.25,
        "floor_mean": 1.0,
        "floor_std": 0.5,
        "num_real": 10,
        "num_generated": 7,
        "size": 5,
        "num_draws": 3,
        "standard_scores": 8.0,
    }


@pytest.mark.parametrize("matched", [5.0, -0.2])
def test_picture_has_a_panel_for_each_distance(matched: float) -> None:
    one, two = (
        cv2.imdecode(np.frombuffer(similarity_plot(shown), np.uint8), cv2.IMREAD_COLOR)
        for shown in (
            {"kid": comparison(matched=matched)},
            {"kid": comparison(matched=matched), "$cmmd": comparison()},
        )
    )
    assert one is not None
    assert two is not None
    assert abs(two.shape[1] - 2 * one.shape[1]) <= 2
    assert two.shape[0] == one.shape[0]


class NoComparison(LightningModule):
    def test_step(self, batch: object, batch_idx: int) -> None: ...


def test_a_module_that_compares_nothing_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "photo.png"), np.zeros((2, 2), dtype=np.uint8))
    trainer = Trainer(accelerator="cpu", logger=False, callbacks=[SimilarityReport()])
    with pytest.raises(ValueError, match=r"SetSimilarity and .* got NoComparison"):
        trainer.test(NoComparison(), TwoFolders(tmp_path, tmp_path))
