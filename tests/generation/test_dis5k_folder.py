import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from generation.dis5k_folder import RECIPE
from generation.procedural import ProceduralScenes

ROOT = Path(__file__).parents[2]
CLASSES = ["chair", "ladder"]
SCENES = ProceduralScenes(size=48, classes=CLASSES)
COUNTS = {"DIS-TR": 3, "DIS-VD": 2, "DIS-TE1": 2, "DIS-TE2": 1}


def write(root: Path, counts: dict[str, int]) -> None:
    ProceduralScenes(size=48, classes=CLASSES, counts=counts).write(root)


def tree(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_layout_is_that_of_dis5k(tmp_path: Path) -> None:
    write(tmp_path, COUNTS)
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == set(COUNTS)
    for subset, count in COUNTS.items():
        images = sorted(path.stem for path in (tmp_path / subset / "im").glob("*.jpg"))
        masks = sorted(path.stem for path in (tmp_path / subset / "gt").glob("*.png"))
        assert images == masks
        assert len(images) == count
        assert all(len(name.split("#")) == 5 for name in images)


def test_files_hold_the_sample(tmp_path: Path) -> None:
    write(tmp_path, {"DIS-VD": 1})
    sample = SCENES.sample(SCENES.spec("val", 0))
    mask = cv2.imread(str(tmp_path / "DIS-VD" / "gt" / f"{sample.id}.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(mask, sample.mask.numpy())
    assert ((mask > 0) & (mask < 255)).any()
    image = cv2.imread(str(tmp_path / "DIS-VD" / "im" / f"{sample.id}.jpg"))[:, :, ::-1]
    assert np.abs(image.astype(int) - sample.image.permute(1, 2, 0).numpy()).mean() < 6


def test_names_are_unique_over_all_subsets(tmp_path: Path) -> None:
    write(tmp_path, COUNTS)
    names = [path.stem for path in tmp_path.glob("*/im/*.jpg")]
    assert len(names) == len(set(names)) == sum(COUNTS.values())


def test_second_call_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"DIS-TR": 2})
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jpg")}
    write(tmp_path, {"DIS-TR": 2})
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jpg")} == before


def test_two_folders_of_one_recipe_are_equal(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, {"DIS-TR": 3})
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_another_recipe_is_refused_and_the_folder_named(tmp_path: Path) -> None:
    write(tmp_path, {"DIS-TR": 1})
    before = tree(tmp_path)
    with pytest.raises(ValueError, match=r"DIS-TR was written with another count; delete"):
        write(tmp_path, {"DIS-TR": 2})
    with pytest.raises(ValueError, match=r"another size, seed; delete"):
        ProceduralScenes(size=64, classes=CLASSES, seed=4, counts={"DIS-TR": 1}).write(tmp_path)
    assert tree(tmp_path) == before


def test_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "DIS-TR" / "im").mkdir(parents=True)
    with pytest.raises(ValueError, match="was not written by ProceduralScenes") as refusal:
        write(tmp_path, {"DIS-TR": 1})
    assert "--data.source null" in str(refusal.value)
    assert "delete" not in str(refusal.value)


def test_scenes_are_not_written_beside_photos_of_somebody(tmp_path: Path) -> None:
    (tmp_path / "im").mkdir()
    with pytest.raises(ValueError, match="holds im or gt: if these are photos of your own"):
        write(tmp_path, {"DIS-TR": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["im"]


def test_unknown_subset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="DIS-TE5"):
        write(tmp_path, {"DIS-TE5": 1})
    assert not list(tmp_path.iterdir())


def test_leftover_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".DIS-TR-killed" / "im").mkdir(parents=True)
    write(tmp_path, {"DIS-TR": 1})
    assert not (tmp_path / ".DIS-TR-killed").exists()


def test_failure_leaves_no_subset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProceduralScenes, "sample", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write(tmp_path, {"DIS-TR": 1})
    assert not (tmp_path / "DIS-TR").exists()


CODE = """
import sys
from pathlib import Path
from generation.procedural import ProceduralScenes
counts = {"DIS-TR": int(sys.argv[2])}
scenes = ProceduralScenes(size=48, classes=["chair", "ladder"], counts=counts)
scenes.write(Path(sys.argv[1]))
"""


def start(root: Path, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", CODE, str(root), str(count)], cwd=ROOT)


@pytest.mark.slow
def test_two_processes_at_once_write_one_whole_set(tmp_path: Path) -> None:
    processes = [start(tmp_path, 40) for _ in range(2)]
    assert [process.wait(120) for process in processes] == [0, 0]
    assert len(list(tmp_path.glob("DIS-TR/im/*.jpg"))) == 40
    assert not list(tmp_path.glob(".DIS-TR-*"))


@pytest.mark.slow
def test_killed_process_leaves_no_half_set(tmp_path: Path) -> None:
    process = start(tmp_path, 100_000)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(".DIS-TR-*/im/*.jpg")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "DIS-TR").exists()
    write(tmp_path, {"DIS-TR": 2})
    assert json.loads((tmp_path / "DIS-TR" / RECIPE).read_text())["count"] == 2
    assert not list(tmp_path.glob(".DIS-TR-*"))
