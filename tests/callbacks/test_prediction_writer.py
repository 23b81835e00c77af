"""Photos in, soft masks and cut-outs out, through the command line."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch import LightningModule, Trainer
from numpy.typing import NDArray
from PIL import Image, ImageOps
from safetensors.torch import save_file

from callbacks.prediction_writer import PredictionWriter
from tests.train.demo_toys import RUN, trained
from train.cli import main

pytestmark = pytest.mark.slow  # whole runs of predict, one after the other

ROOT = Path(__file__).parents[2]
Predict = Callable[..., Path]


@pytest.fixture(scope="module")
def checkpoint(tiny_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of one convolution after one step."""
    return trained(tmp_path_factory.mktemp("trained"), tiny_set)


def write_photos(root: Path) -> None:
    """Different sizes, aspects and kinds, two in subfolders, in lossless files but one."""
    rng = np.random.default_rng(0)
    (root / "sub" / "deep").mkdir(parents=True)
    rgb = Image.fromarray(rng.integers(0, 256, (30, 50, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    rgb.save(root / "turned.jpg", exif=exif, quality=95)
    Image.fromarray(rng.integers(0, 256, (33, 21, 4), np.uint8)).save(root / "with alpha.png")
    Image.fromarray(rng.integers(0, 256, (9, 80), np.uint8)).save(root / "sub" / "grey.png")
    rgb.save(root / "sub" / "deep" / "plain.v2.png")


IDS = ("turned", "with alpha", "sub/grey", "sub/deep/plain.v2")


def predict_arguments(checkpoint: Path, photos: Path, output: Path) -> list[str]:
    return [
        *("predict", "--config", str(ROOT / "configs/dis/predict.yaml")),
        *("--ckpt_path", str(checkpoint), "--data.root", str(photos), "--data.size", "32"),
        *("--data.num_workers", "0", "--trainer.default_root_dir", str(output)),
        *("--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"),
    ]


@pytest.fixture(scope="module")
def predicted(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Photos and the folder of their predictions."""
    root = tmp_path_factory.mktemp("predicted")
    write_photos(root / "photos")
    main(predict_arguments(checkpoint, root / "photos", root))
    return root / "photos", root / "predictions"


def files_below(folder: Path) -> dict[str, int]:
    """Relative path of each result: time of change. The note of what made them is no result."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and path != folder / "recipe.json"
    }


def upright(root: Path, id: str) -> NDArray[np.uint8]:
    (path,) = (path for path in root.rglob("*") if path.with_suffix("") == root / id)
    with Image.open(path) as picture:
        turned = ImageOps.exif_transpose(picture)
        # dropped, not composited: the colours below alpha are the photo
        return np.array(turned.convert("RGBA"))[..., :3]


def test_each_photo_has_a_mask_and_a_cutout_of_its_name_and_nothing_else_is_left(
    predicted: tuple[Path, Path],
) -> None:
    expected = {f"{folder}/{id}.png" for folder in ("masks", "cutouts") for id in IDS}
    assert files_below(predicted[1]).keys() == expected


@pytest.mark.parametrize("id", IDS)
def test_cutout_is_the_upright_photo_with_the_soft_mask_as_alpha(
    id: str, predicted: tuple[Path, Path]
) -> None:
    photos, predictions = predicted
    with Image.open(predictions / "masks" / f"{id}.png") as picture:
        assert picture.mode == "L"
        mask = np.array(picture)
    with Image.open(predictions / "cutouts" / f"{id}.png") as picture:
        assert picture.mode == "RGBA"
        cutout = np.array(picture)
    photo = upright(photos, id)
    assert mask.shape == photo.shape[:2]
    assert ((mask > 0) & (mask < 255)).any()
    assert np.array_equal(cutout[..., 3], mask)
    # two JPEG decoders may differ by a step
    tolerance = 2 if id == "turned" else 0
    assert np.abs(cutout[..., :3].astype(int) - photo).max() <= tolerance


def test_second_run_does_nothing_and_succeeds(
    predicted: tuple[Path, Path], checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, predictions = predicted
    before = files_below(predictions)
    main(predict_arguments(checkpoint, photos, predictions.parent))
    assert files_below(predictions) == before
    assert "0 photos to do, 4 done before" in capsys.readouterr().out


def test_only_the_photo_that_lacks_a_result_is_done_again(
    predicted: tuple[Path, Path], checkpoint: Path
) -> None:
    photos, predictions = predicted
    before = files_below(predictions)
    (predictions / "cutouts" / "sub" / "grey.png").unlink()
    main(predict_arguments(checkpoint, photos, predictions.parent))
    after = files_below(predictions)
    assert after.keys() == before.keys()
    changed = {path for path in after if after[path] != before[path]}
    assert "cutouts/sub/grey.png" in changed
    assert all(path.endswith("sub/grey.png") for path in changed)


def test_broken_photo_is_reported_and_the_others_are_done(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_photos(tmp_path / "photos")
    whole = (tmp_path / "photos" / "turned.jpg").read_bytes()
    (tmp_path / "photos" / "broken.jpg").write_bytes(whole[: len(whole) // 2])
    main(predict_arguments(checkpoint, tmp_path / "photos", tmp_path))
    expected = {f"{folder}/{id}.png" for folder in ("masks", "cutouts") for id in IDS}
    assert files_below(tmp_path / "predictions").keys() == expected
    out = capsys.readouterr().out
    assert "5 photos to do, 0 done before" in out
    assert f"unreadable file: 1\n  {tmp_path / 'photos' / 'broken.jpg'}: " in out
    assert "passed over" in out


def test_nothing_but_broken_photos_is_one_line_that_fails(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b.png"):
        (tmp_path / "photos" / name).write_bytes(b"no photo")
    with pytest.raises(SystemExit) as leaving:
        main(predict_arguments(checkpoint, tmp_path / "photos", tmp_path))
    assert leaving.value.code == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert len(errors) == 1
    assert "none of the 2 photos" in errors[0]


def test_empty_folder_is_one_line_that_names_it(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(SystemExit) as leaving:
        main(predict_arguments(checkpoint, tmp_path / "photos", tmp_path))
    assert leaving.value.code == 2
    assert f"error: no images in {tmp_path / 'photos'}" in capsys.readouterr().err


def test_data_without_photos_is_refused_with_the_cure(
    checkpoint: Path, tiny_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = yaml.safe_load(RUN.format(root=tmp_path, data=tiny_set))
    config["trainer"]["callbacks"] = [
        {"class_path": "callbacks.prediction_writer.PredictionWriter"}
    ]
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(SystemExit):
        main(["predict", "--config", str(path), "--ckpt_path", str(checkpoint)])
    error = capsys.readouterr().err
    assert "PredictionWriter needs a DataModule of photos, got DIS5K" in error


def test_masks_alone_and_another_folder_can_be_asked_for(checkpoint: Path, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos")
    config = yaml.safe_load((ROOT / "configs/dis/predict.yaml").read_text())
    arguments = {"output": str(tmp_path / "elsewhere"), "cutouts": False}
    config["trainer"]["callbacks"][0]["init_args"] = arguments
    path = tmp_path / "predict.yaml"
    path.write_text(yaml.safe_dump(config))
    flags = predict_arguments(checkpoint, tmp_path / "photos", tmp_path)
    main([*flags[:1], "--config", str(path), *flags[3:]])
    assert files_below(tmp_path / "elsewhere").keys() == {f"masks/{id}.png" for id in IDS}


def test_photos_above_the_networks_size_are_refined_in_tiles_and_others_stay(
    predicted: tuple[Path, Path], checkpoint: Path, tmp_path: Path
) -> None:
    flags = predict_arguments(checkpoint, predicted[0], tmp_path)
    main([*flags, "--data.finer", "2", "--data.batch_size", "4"])
    changed = {
        id
        for id in IDS
        if (predicted[1] / "masks" / f"{id}.png").read_bytes()
        != (tmp_path / "predictions" / "masks" / f"{id}.png").read_bytes()
    }
    assert changed == set(IDS)  # each has a side above 32 px
    main([*predict_arguments(checkpoint, predicted[0], tmp_path / "small"), "--data.size", "96"])
    tiled = predict_arguments(checkpoint, predicted[0], tmp_path / "small tiled")
    main([*tiled, "--data.size", "96", "--data.finer", "2"])
    for id in IDS:
        masks = [tmp_path / name / "predictions" / "masks" for name in ("small", "small tiled")]
        one, two = (folder / f"{id}.png" for folder in masks)
        assert one.read_bytes() == two.read_bytes()


def test_cutouts_can_have_the_colours_of_the_object(
    predicted: tuple[Path, Path], checkpoint: Path, tmp_path: Path
) -> None:
    flags = predict_arguments(checkpoint, predicted[0], tmp_path)
    config = yaml.safe_load((ROOT / "configs/dis/predict.yaml").read_text())
    config["trainer"]["callbacks"][0]["init_args"] = {"foreground": True}
    (tmp_path / "predict.yaml").write_text(yaml.safe_dump(config))
    main([*flags[:1], "--config", str(tmp_path / "predict.yaml"), *flags[3:]])
    for id in IDS:
        one, two = (
            np.array(Image.open(folder / "cutouts" / f"{id}.png"))
            for folder in (predicted[1], tmp_path / "predictions")
        )
        assert np.array_equal(one[..., 3], two[..., 3])
        assert not np.array_equal(one[..., :3], two[..., :3])


def test_results_with_and_without_tiles_are_not_mixed(
    predicted: tuple[Path, Path], checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = predict_arguments(checkpoint, predicted[0], predicted[1].parent)
    with pytest.raises(SystemExit):
        main([*flags, "--data.finer", "2"])
    assert "holds predictions of another finer" in capsys.readouterr().err


def test_masks_by_other_weights_are_not_taken_for_those_of_this_network(
    predicted: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a checkpoint: the weights are those that the network was built with."""
    model = yaml.safe_load(RUN.format(root=tmp_path, data=tmp_path))["model"]
    (tmp_path / "model.yaml").write_text(yaml.safe_dump({"model": model}))
    flags = ["predict", "--config", str(tmp_path / "model.yaml")]
    flags += predict_arguments(Path(), predicted[0], tmp_path)[1:]
    place = flags.index("--ckpt_path")
    del flags[place : place + 2]
    for name in ("one", "two"):
        save_file(torch.nn.Conv2d(3, 1, 3).state_dict(), tmp_path / f"{name}.safetensors")

    def weights(name: str) -> list[str]:
        return ["--model.net.weights", str(tmp_path / f"{name}.safetensors")]

    main([*flags, *weights("one")])
    main([*flags, *weights("one")])
    assert "0 photos to do, 4 done before" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([*flags, *weights("two")])
    assert "holds predictions of another network: delete it" in capsys.readouterr().err


def test_tiles_no_finer_than_the_whole_are_refused(
    predicted: tuple[Path, Path],
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main([*predict_arguments(checkpoint, predicted[0], tmp_path), "--data.finer", "1"])
    assert "finer 1 must be above 1" in capsys.readouterr().err


@pytest.mark.parametrize("precision", ["bf16-true", "16-true", "bf16-mixed"])
def test_masks_in_half_precision_are_those_in_full_but_for_rounding(
    precision: str, predicted: tuple[Path, Path], checkpoint: Path, tmp_path: Path
) -> None:
    flags = predict_arguments(checkpoint, predicted[0], tmp_path)
    main([*flags, "--trainer.precision", precision])
    for id in IDS:
        folders = (predicted[1], tmp_path / "predictions")
        full, half = (np.array(Image.open(x / "masks" / f"{id}.png")) for x in folders)
        # bfloat16 has 8 bits: a logit near 1 is known to 1/256, its probability to a quarter
        assert np.abs(full.astype(int) - half).max() <= 4


@pytest.mark.slow
@pytest.mark.parametrize("num_photos", [1, 4])
def test_two_processes_share_the_photos(
    num_photos: int, predicted: tuple[Path, Path], checkpoint: Path, tmp_path: Path
) -> None:
    """One photo leaves the second process without any."""
    for id in IDS[:num_photos]:
        (source,) = (p for p in predicted[0].rglob("*") if p.with_suffix("") == predicted[0] / id)
        target = tmp_path / "photos" / source.relative_to(predicted[0])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    arguments = predict_arguments(checkpoint, tmp_path / "photos", tmp_path)
    command = [sys.executable, "-m", "train", *arguments, "--trainer.devices", "2"]
    process = subprocess.run(
        [*command, "--trainer.strategy", "ddp"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert process.returncode == 0, process.stderr
    for id in IDS[:num_photos]:
        for folder in ("masks", "cutouts"):
            one = predicted[1] / folder / f"{id}.png"
            two = tmp_path / "predictions" / folder / f"{id}.png"
            assert one.read_bytes() == two.read_bytes()
    assert len(files_below(tmp_path / "predictions")) == 2 * num_photos


def test_model_that_predicts_nothing_is_refused() -> None:
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    with pytest.raises(ValueError, match="LightningModule cuts nothing out: give the checkpoint"):
        PredictionWriter().setup(trainer, LightningModule(), "predict")
