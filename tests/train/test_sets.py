"""``python -m train test`` scores sets of pairs beside a real one."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from datamodules.sample import Sample
from tests.datamodules.generated_sets import toy_set
from train.cli import main

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def write_set(folder: Path, num: int, *, thickness: int) -> Path:
    """Rings of their own places and colours."""
    for name in ("im", "gt"):
        (folder / name).mkdir(parents=True)
    for number in range(num):
        mask = np.zeros((48, 60), np.uint8)
        centre = 20 + number % 20, 16 + number % 16
        cv2.circle(mask, centre, 8 + number % 5, 255, thickness)
        image = cv2.merge([mask // 2, mask // 3, mask]) + np.uint8(number)
        cv2.imwrite(str(folder / "im" / f"{'ab'[number % 2]}-{number:02d}.png"), image)
        cv2.imwrite(str(folder / "gt" / f"{'ab'[number % 2]}-{number:02d}.png"), mask)
    return folder


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, object]:
    edited = {
        "class_path": "datamodules.pair_source.FolderPairs",
        "init_args": {
            "root": str(write_set(tmp_path / "edited", 14, thickness=2)),
            "groups": "^(.)-",
        },
    }
    real = str(write_set(tmp_path / "real", 14, thickness=4))
    return {"edited": edited, "real": real, "same": real}


def arguments(sets: dict[str, object], out: Path) -> list[str]:
    return [
        *("test", "--config", str(ROOT / "configs" / "similarity" / "sets.yaml")),
        *("--config", str(ROOT / "tests" / "overlays" / "similarity" / "sets.yaml")),
        *("--data.sets", json.dumps(sets), "--trainer.default_root_dir", str(out)),
        *("--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"),
    ]


def result(out: Path) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    content: dict[str, dict[str, dict[str, dict[str, float]]]] = json.loads(
        (out / "sets" / "sets.json").read_text()
    )
    return content


def test_sets_are_scored_side_by_side(
    sets: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(arguments(sets, tmp_path / "run"))
    found = result(tmp_path / "run")
    assert list(found["sets"]) == ["edited", "same"]
    assert set(found["sets"]["edited"]["groups"]) == {"a", "b"}
    assert found["sets"]["same"]["masks"]["fid"]["value"] == pytest.approx(0, abs=1e-4)
    assert found["sets"]["edited"]["masks"]["fid"]["value"] > 0.1
    assert found["sets"]["edited"]["drift"]["strut_share"]["value"] == 1
    html = (tmp_path / "run" / "sets" / "index.html").read_text()
    assert "edited, same beside real" in html
    assert str(tmp_path / "run" / "sets" / "index.html") in capsys.readouterr().out


def test_generated_set_is_scored_by_its_folder_and_kind_of_edit(
    sets: dict[str, object], tmp_path: Path
) -> None:
    def edited(sample: Sample) -> Sample:
        is_view = int(sample.id.partition("~")[0].rpartition(".")[2]) % 2
        edits = ("view(azimuth=3)" if is_view else "diffeo(strength=0.1)", "warp")
        return replace(sample, provenance=replace(sample.provenance, edits=edits))

    toy_set(tmp_path / "made", 20, made=edited)
    main(arguments({"real": sets["real"], "made": str(tmp_path / "made")}, tmp_path / "run"))
    groups = result(tmp_path / "run")["sets"]["made"]["groups"]
    assert {name: found["num_images"] for name, found in groups.items()} == {
        "diffeo+warp": 10,
        "view+warp": 9,  # the plan's second pair was rejected
    }


def test_two_processes_get_the_same_digits(sets: dict[str, object], tmp_path: Path) -> None:
    for name, devices in (("one", "1"), ("two", "2")):
        flags = ["--config", str(ROOT / "configs" / "trainer" / "ddp.yaml")]
        command = [*arguments(sets, tmp_path / name), *flags]
        command += ["--trainer.accelerator", "cpu", "--trainer.devices", devices]
        subprocess.run(
            [sys.executable, "-m", "train", *command],
            cwd=ROOT,
            check=True,
            capture_output=True,
            timeout=300,
        )
    assert result(tmp_path / "one")["sets"] == result(tmp_path / "two")["sets"]


def test_too_few_pairs_are_one_line(
    sets: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = write_set(tmp_path / "few", 3, thickness=2)
    with pytest.raises(SystemExit) as leaving:
        main(arguments({"real": sets["real"], "few": str(few)}, tmp_path / "run"))
    assert leaving.value.code == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: 14 real and 3 generated pairs are too few to score a set")
