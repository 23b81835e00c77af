"""Sets made of a user's own photos, by the commands that the configuration shows."""

import json
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest

from train.cli import main
from train.export import main as export

CONFIG = Path(__file__).parents[2] / "configs" / "generation" / "warp.yaml"
pytestmark = pytest.mark.slow


def photos(folder: Path, number: int = 6) -> Path:
    for part in ("im", "gt"):
        (folder / part).mkdir(parents=True)
    for k in range(number):
        rng = np.random.default_rng(k)
        image = cv2.resize(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8), (80, 64))
        mask = np.zeros((64, 80), np.uint8)
        cv2.circle(mask, (40, 32), 18, 255, -1, cv2.LINE_AA)
        image[mask > 127] = rng.integers(0, 256, 3)
        cv2.imwrite(str(folder / "im" / f"p{k}.png"), image)
        cv2.imwrite(str(folder / "gt" / f"p{k}.png"), mask)
    return folder


def shown(folder: Path, made: Path) -> list[str]:
    """Return the arguments of the command in the header for photos of one's own."""
    header = [line[1:] for line in CONFIG.read_text().splitlines() if line.startswith("#   ")]
    whole = " ".join(line.removesuffix("\\") for line in header)
    command = shlex.split(whole.split("python -m train ")[2])
    places = {"FOLDER": str(folder), "SET": str(made)}
    places["configs/generation/warp.yaml"] = str(CONFIG)
    return [places.get(argument, argument) for argument in command]


def tiny(work: Path) -> list[str]:
    return [
        *("--trainer.accelerator", "cpu", "--trainer.default_root_dir", str(work / "run")),
        *("--data.source.cache", str(work / "cache"), "--data.num_workers", "0"),
    ]


def test_command_of_the_header_makes_an_exportable_set_of_own_photos(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = shown(photos(tmp_path / "photos"), tmp_path / "set")
    assert "null" in command
    main([*command, *tiny(tmp_path)])
    summary = json.loads((tmp_path / "set" / "summary.json").read_text())
    assert summary["num_planned"] == 16  # a validation and a test photo are held out
    assert summary["num_pairs"] > 0
    assert set(summary["licences"]) == {"CC-BY-4.0"}
    assert {path.name for path in (tmp_path / "photos").iterdir()} == {"im", "gt"}
    export([str(tmp_path / "set"), str(tmp_path / "out"), "--to", "dis5k", "--credit", "by Ann"])
    assert 'pretty_name: "set"' in (tmp_path / "out" / "README.md").read_text()


def test_scenes_are_not_written_among_own_photos(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = shown(photos(tmp_path / "photos"), tmp_path / "set")
    at = command.index("--data.source.source")
    with pytest.raises(SystemExit) as leaving:
        main([*command[:at], *command[at + 2 :], *tiny(tmp_path)])
    assert leaving.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "--data.source.source null" in line
    assert "delete" not in line
    assert {path.name for path in (tmp_path / "photos").iterdir()} == {"im", "gt"}


def test_set_is_not_made_among_own_photos(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photos(tmp_path / "photos")
    with pytest.raises(SystemExit) as leaving:
        main([*shown(folder, folder), *tiny(tmp_path)])
    assert leaving.value.code == 2
    assert "holds something else than a set (gt, im)" in capsys.readouterr().err
    assert {path.name for path in folder.iterdir()} == {"im", "gt"}
