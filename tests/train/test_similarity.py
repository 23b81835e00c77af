"""``python -m train test`` compares two folders."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
import timm
from safetensors.torch import save_file

from train.cli import main

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs" / "similarity"
OVERLAYS = ROOT / "tests" / "overlays" / "similarity"


def arguments(name: str, real: Path, generated: Path, out: Path) -> list[str]:
    return [
        *("test", "--config", str(CONFIGS / name), "--config", str(OVERLAYS / name)),
        *("--data.real", str(real), "--data.generated", str(generated)),
        *("--trainer.default_root_dir", str(out), "--trainer.accelerator", "cpu"),
        *("--trainer.enable_progress_bar", "false"),
    ]


@pytest.fixture
def folders(tiny_set: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The nine training masks, and the same ones eroded by two pixels."""
    real, generated = tiny_set / "DIS-TR" / "gt", tmp_path / "generated"
    generated.mkdir()
    for path in real.iterdir():
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(generated / path.name), cv2.erode(mask, None, iterations=2))  # type: ignore[call-overload]
    return real, generated


def result(out: Path) -> dict[str, dict[str, float]]:
    content: dict[str, dict[str, float]] = json.loads(
        (out / "similarity" / "similarity.json").read_text()
    )
    return content


@pytest.mark.slow
def test_two_folders_are_compared(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*arguments("folders.yaml", *folders, tmp_path / "run"), "--data.content", "masks"])
    found = result(tmp_path / "run")
    assert found["extractor"] == "RandomPyramid, 32 px"
    assert found["content"] == "masks"
    assert found["kid"]["num_real"] == found["kid"]["num_generated"] == 9
    assert found["kid"]["size"] == 4
    assert found["cmmd"]["value"] > 0
    assert (tmp_path / "run" / "similarity" / "similarity.png").is_file()
    assert not (tmp_path / "run" / "report").exists()
    printed = capsys.readouterr().out
    assert "real to real, 4 each" in printed
    assert f"similarity: {tmp_path / 'run' / 'similarity'}" in printed


@pytest.mark.slow
def test_equal_sets_are_not_said_to_lie_below_the_floor(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--data.content", "masks"]
    main([*arguments("folders.yaml", folders[0], folders[0], tmp_path / "run"), *flags])
    printed = capsys.readouterr().out
    assert "kid: within the spread of the floor: 4 images each are too few" in printed
    assert "floor spreads" not in printed


@pytest.mark.slow
def test_clip_configuration_loads_weights_in_the_hubs_layout(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    net = timm.create_model("test_vit.r160_in1k")
    save_file(net.state_dict(), tmp_path / "model.safetensors")
    flags = ["--model.features.weights", str(tmp_path)]
    main([*arguments("clip.yaml", *folders, tmp_path / "run"), *flags])
    expected = f"timm test_vit.r160_in1k of {tmp_path}, projected, 160 px"
    assert result(tmp_path / "run")["extractor"] == expected


def test_too_few_images_are_one_line(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real, generated = folders
    few = tmp_path / "few"
    few.mkdir()
    shutil.copy(next(real.iterdir()), few)
    with pytest.raises(SystemExit) as leaving:
        main(arguments("folders.yaml", few, generated, tmp_path / "run"))
    assert leaving.value.code == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: 1 real and 9 generated images are too few to compare")


@pytest.mark.slow
def test_two_processes_get_the_same_digits(folders: tuple[Path, Path], tmp_path: Path) -> None:
    for name, devices in (("one", "1"), ("two", "2")):
        flags = ["--config", str(ROOT / "configs" / "trainer" / "ddp.yaml")]
        command = [*arguments("folders.yaml", *folders, tmp_path / name), *flags]
        command += ["--trainer.accelerator", "cpu", "--trainer.devices", devices]
        subprocess.run(
            [sys.executable, "-m", "train", *command],
            cwd=ROOT,
            check=True,
            capture_output=True,
            timeout=180,
        )
    one, two = result(tmp_path / "one"), result(tmp_path / "two")
    for distance in ("kid", "cmmd"):
        assert one[distance] == pytest.approx(two[distance], rel=1e-9, abs=1e-9)
