"""Folders that were mixed up."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from datamodules.prediction_kinds import is_coloured
from datamodules.predictions import PredictionFolder
from datamodules.problems import ProblemKind

SOFT = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
HARD = np.where(SOFT > 128, 255, 0).astype(np.uint8)
PHOTO = np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)
PHOTO = np.repeat(np.repeat(PHOTO[:5, :5], 8, 0), 8, 1)


def kinds(
    root: Path, prediction: NDArray[np.uint8], truth: NDArray[np.uint8], num: int = 4
) -> set[ProblemKind]:
    for folder, pixels in (("p", prediction), ("m", truth)):
        (root / folder).mkdir()
        for place in range(num):
            Image.fromarray(pixels).save(root / folder / f"{place}.png")
    data = PredictionFolder(root / "p", root / "m")
    data.setup("test")
    return {problem.kind for problem in data.problems}


def test_binary_predictions_of_soft_masks_are_doubted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kinds(tmp_path, HARD, SOFT) == {ProblemKind.SWAPPED}
    assert "predictions and masks swapped?: " in capsys.readouterr().out


@pytest.mark.parametrize(("prediction", "truth"), [(SOFT, HARD), (HARD, HARD), (SOFT, SOFT)])
def test_other_pairs_are_not_doubted(
    prediction: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    tmp_path: Path,
) -> None:
    assert kinds(tmp_path, prediction, truth) == set()


def test_two_binary_predictions_may_be_chance(tmp_path: Path) -> None:
    assert kinds(tmp_path, HARD, SOFT, num=2) == set()


def test_photos_for_predictions_are_doubted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kinds(tmp_path, PHOTO, HARD) == {ProblemKind.COLOURED}
    assert capsys.readouterr().out.count("coloured prediction: ") == 1


@pytest.mark.parametrize("colour", [(1, 1, 1), (1, 0, 0), (0.2, 0.9, 0.4)])
def test_foreground_of_one_colour_is_a_map(
    colour: tuple[float, float, float], tmp_path: Path
) -> None:
    path = tmp_path / "map.png"
    Image.fromarray((SOFT[..., None] * np.array(colour)).astype(np.uint8)).save(path)
    assert not is_coloured(path)


def test_grey_jpeg_is_no_photo(tmp_path: Path) -> None:
    path = tmp_path / "map.jpg"
    Image.fromarray(np.stack([SOFT] * 3, axis=2)).save(path, quality=60)
    assert not is_coloured(path)
