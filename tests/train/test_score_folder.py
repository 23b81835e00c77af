"""The command that scores a folder, as it is shipped."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from train.cli import main

ROOT = Path(__file__).parents[2]
CONFIG = str(ROOT / "configs" / "dis" / "score_folder.yaml")
OVERLAY = str(ROOT / "tests" / "overlays" / "dis" / "score_folder.yaml")
KEYS = (
    "mae max_f mean_f adaptive_f weighted_f s max_e mean_e adaptive_e hce boundary_iou mba iou dice"
)


def arguments(predictions: Path, masks: Path, output: Path, *more: str) -> list[str]:
    return [
        *("test", "--config", CONFIG, "--config", OVERLAY),
        *("--data.predictions", str(predictions), "--data.masks", str(masks)),
        *("--trainer.default_root_dir", str(output), *more),
    ]


def score(predictions: Path, masks: Path, output: Path, *more: str) -> dict[str, dict[str, float]]:
    main([*arguments(predictions, masks, output, *more), "--trainer.enable_progress_bar", "false"])
    return dict(json.loads((output / "report" / "metrics.json").read_text()))


def noisy(masks: Path, predictions: Path) -> Path:
    """Write noisy predictions, with Pillow alone, at the paths of a DIS5K root's masks."""
    for number, path in enumerate(sorted(masks.glob("*/gt/*.png"))):
        with Image.open(path) as picture:
            mask = np.asarray(picture)
        noise = np.random.default_rng(number).normal(0, 60, mask.shape)
        target = predictions / path.parts[-3] / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(mask + noise, 0, 255).astype(np.uint8)).save(target)
    return predictions


@pytest.fixture(scope="module")
def whole_set(
    tiny_set: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, float]]:
    """The numbers of a set in the DIS5K layout."""
    folder = tmp_path_factory.mktemp("whole_set")
    return score(noisy(tiny_set, folder / "maps"), tiny_set, folder / "run")


@pytest.mark.slow
def test_every_subset_has_the_keys_of_the_field(whole_set: dict[str, dict[str, float]]) -> None:
    assert list(whole_set) == ["all", "DIS-TE1", "DIS-TR", "DIS-VD"]
    assert all(list(scores) == KEYS.split() for scores in whole_set.values())


@pytest.mark.slow
def test_all_is_the_mean_over_images_not_over_subsets(
    whole_set: dict[str, dict[str, float]],
) -> None:
    counts = {"DIS-TR": 9, "DIS-VD": 3, "DIS-TE1": 5}  # of the tiny set
    mean = sum(count * whole_set[name]["mae"] for name, count in counts.items()) / 17
    assert whole_set["all"]["mae"] == pytest.approx(mean, abs=1e-9)


@pytest.mark.slow
def test_a_folder_without_photos_is_scored(tiny_set: Path, tmp_path: Path) -> None:
    maps = noisy(tiny_set, tmp_path / "maps") / "DIS-TE1"
    found = score(maps, tiny_set / "DIS-TE1" / "gt", tmp_path / "run")
    assert list(found) == ["all"]
    assert (tmp_path / "run" / "report" / "index.html").is_file()


def test_missing_predictions_are_one_error_that_names_them(
    tiny_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maps = noisy(tiny_set, tmp_path / "maps")
    gone = sorted(maps.glob("DIS-VD/*.png"))[1:]
    for path in gone:
        path.unlink()
    with pytest.raises(SystemExit) as leaving:
        score(maps, tiny_set, tmp_path / "run")
    assert leaving.value.code == 2
    said = capsys.readouterr().err
    assert "2 of 17 predictions are missing or unreadable" in said
    assert all(path.stem in said for path in gone)


@pytest.mark.slow
def test_missing_predictions_that_are_left_out_are_in_the_report(
    tiny_set: Path, tmp_path: Path
) -> None:
    maps = noisy(tiny_set, tmp_path / "maps")
    sorted(maps.glob("DIS-VD/*.png"))[1].unlink()
    found = score(maps, tiny_set, tmp_path / "run", "--data.missing", "skip")
    assert "DIS-VD" in found
    page = (tmp_path / "run" / "report" / "index.html").read_text()
    assert "missing partner" in page


@pytest.mark.slow
def test_written_predictions_score_as_in_the_test_that_made_them(
    write_config: Callable[..., str], tiny_set: Path, tmp_path: Path
) -> None:
    """One rule of quantisation, shared by test, writer and folder scoring."""
    config = write_config()
    main(["fit", "--config", config])
    checkpoint = ["--ckpt_path", str(tmp_path / "run" / "checkpoints" / "last.ckpt")]
    main(["test", "--config", config, *checkpoint])
    main(
        [
            *("predict", "--config", str(ROOT / "configs" / "dis" / "predict.yaml"), *checkpoint),
            *("--data.root", str(tiny_set / "DIS-TE1" / "im"), "--data.num_workers", "0"),
            *("--data.batch_size", "4", "--trainer.accelerator", "cpu"),
            *("--trainer.enable_progress_bar", "false"),
            *("--trainer.default_root_dir", str(tmp_path / "predict")),
        ]
    )
    tested = json.loads((tmp_path / "run" / "report" / "metrics.json").read_text())
    masks = tmp_path / "predict" / "predictions" / "masks"
    scored = score(masks, tiny_set / "DIS-TE1" / "gt", tmp_path / "scored")
    assert scored["all"] == tested["all"]


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(tiny_set: Path, tmp_path: Path) -> None:
    maps = noisy(tiny_set, tmp_path / "maps")
    sorted(maps.glob("DIS-VD/*.png"))[1].unlink()
    skip = ("--data.missing", "skip", "--trainer.enable_progress_bar", "false")
    for name, more in (
        ("one", ()),
        ("two", ("--trainer.devices", "2", "--trainer.strategy", "ddp")),
    ):
        command = arguments(maps, tiny_set, tmp_path / name, *skip, *more)
        subprocess.run(
            [sys.executable, "-m", "train", *command],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=True,
            timeout=240,
        )
    for file in ("metrics.json", "per_image.csv"):
        one, two = (tmp_path / name / "report" / file for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


@pytest.mark.slow
def test_an_error_ends_every_process(tiny_set: Path, tmp_path: Path) -> None:
    maps = noisy(tiny_set, tmp_path / "maps")
    sorted(maps.glob("DIS-VD/*.png"))[1].unlink()
    devices = ("--trainer.devices", "2", "--trainer.strategy", "ddp")
    done = subprocess.run(
        [sys.executable, "-m", "train", *arguments(maps, tiny_set, tmp_path / "run", *devices)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 2
    assert "1 of 17 predictions are missing" in done.stderr
