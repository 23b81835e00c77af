import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from lightning.pytorch import Trainer
from safetensors.torch import load_file

from datamodules.dis5k import DIS5K, Splits
from datamodules.problems import DatasetError
from train.cli import main

ROOT = Path(__file__).parents[2]
WriteConfig = Callable[..., str]


@pytest.mark.slow
def test_fit_leaves_weights_config_and_both_checkpoints(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    main(["fit", "--config", write_config()])
    run = tmp_path / "run"
    assert set(load_file(run / "weights.safetensors")) == {
        f"net.{layer}.{part}" for layer in (0, 1, 4) for part in ("weight", "bias")
    }
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["trainer"]["max_steps"] == 6
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"last.ckpt", "best.ckpt"}
    assert list((run / "tensorboard").glob("events*"))


@pytest.mark.slow
def test_fit_says_which_checkpoint_it_left(
    write_config: WriteConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["fit", "--config", write_config()])
    out = capsys.readouterr().out
    assert f"checkpoint: {tmp_path / 'run/checkpoints/best.ckpt'} (val/max_f 0." in out


@pytest.mark.slow
def test_run_that_never_validated_is_tested_from_its_last_checkpoint(
    write_config: WriteConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run" / "checkpoints"
    config = write_config()
    main(["fit", "--config", config, "--trainer.max_steps", "2"])
    captured = capsys.readouterr()
    assert (
        "checkpoint: never validated in 2 steps (trainer.val_check_interval 3): no best.ckpt, "
        f"test {folder / 'last.ckpt'}"
    ) in captured.out
    assert "weights_only" not in captured.err
    with pytest.raises(SystemExit):
        main(["test", "--config", config, "--ckpt_path", str(folder / "best.ckpt")])
    error = capsys.readouterr().err.splitlines()[-1]
    assert "that run has had none" in error
    assert error.endswith(f"give --ckpt_path {folder / 'last.ckpt'}")


@pytest.mark.slow
def test_test_writes_the_report_of_the_checkpoint(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    config = write_config()
    main(["fit", "--config", config])
    main(["test", "--config", config, "--ckpt_path", "last"])
    assert (tmp_path / "run" / "report" / "index.html").is_file()
    assert (tmp_path / "run" / "config.test.yaml").is_file()


@pytest.mark.slow
def test_second_fit_into_the_same_folder_is_allowed(write_config: WriteConfig) -> None:
    config = write_config()
    main(["fit", "--config", config])
    main(["fit", "--config", config, "--trainer.max_steps", "7", "--ckpt_path", "last"])
    last = Path(config).parent / "run/checkpoints/last.ckpt"
    assert torch.load(last, weights_only=True)["global_step"] == 7


@pytest.mark.slow
def test_yaml_and_flags_win_over_what_the_checkpoint_remembers(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    config = write_config()
    main(["fit", "--config", config])
    checkpoint = str(tmp_path / "run/checkpoints/last.ckpt")
    flags = ["--model.optimizer.init_args.lr", "0.5", "--trainer.max_steps", "7"]
    main(["fit", "--config", config, "--ckpt_path", checkpoint, *flags])
    saved = yaml.safe_load((tmp_path / "run/config.yaml").read_text())
    assert saved["model"]["init_args"]["optimizer"]["init_args"]["lr"] == 0.5


@pytest.mark.slow
def test_model_is_taken_from_the_checkpoint_where_no_config_names_one(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    config = write_config()
    main(["fit", "--config", config])
    without_model = write_config(lambda c: c.pop("model"), name="bare")
    checkpoint = str(tmp_path / "run/checkpoints/last.ckpt")
    main(["test", "--config", without_model, "--ckpt_path", checkpoint])
    assert (tmp_path / "bare/report/metrics.json").is_file()


@pytest.mark.slow
def test_checkpoint_of_another_width_is_one_line(
    write_config: WriteConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config()
    main(["fit", "--config", config])
    with pytest.raises(SystemExit) as leaving:
        main(["test", "--config", config, "--ckpt_path", "last", "--model.net.net.width", "6"])
    err = capsys.readouterr().err
    assert leaving.value.code == 2
    assert "5 of 6 keys of another shape (0.weight (" in err.splitlines()[-1]


@pytest.mark.slow
def test_checkpoint_needs_no_file_that_its_network_started_from(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    main(["fit", "--config", write_config()])
    started = tmp_path / "run" / "weights.safetensors"
    config = write_config(name="finetuned")
    main(["fit", "--config", config, "--model.net.weights", str(started)])
    started.unlink()
    checkpoint = str(tmp_path / "finetuned/checkpoints/last.ckpt")
    without_model = write_config(lambda c: c.pop("model"), name="bare")
    main(["test", "--config", without_model, "--ckpt_path", checkpoint])
    assert (tmp_path / "bare/report/metrics.json").is_file()


@pytest.mark.slow
def test_trial_of_a_batch_leaves_trained_weights_alone(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    config = write_config()
    main(["fit", "--config", config])
    before = (tmp_path / "run/weights.safetensors").read_bytes()
    main(["fit", "--config", config, "--trainer.fast_dev_run", "1", "--seed_everything", "5"])
    assert (tmp_path / "run/weights.safetensors").read_bytes() == before


@pytest.mark.slow
def test_fit_over_a_run_that_stands_says_so(
    write_config: WriteConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config()
    main(["fit", "--config", config])
    assert "starting afresh" not in capsys.readouterr().err
    main(["fit", "--config", config])
    assert "--ckpt_path last goes on" in capsys.readouterr().err


@pytest.mark.slow
def test_shipped_predict_takes_model_and_size_from_a_checkpoint_with_a_schedule(
    write_config: WriteConfig, tiny_set: Path, tmp_path: Path
) -> None:
    main(["fit", "--config", write_config()])
    main(
        [
            *("predict", "--config", str(ROOT / "configs/dis/predict.yaml")),
            *("--ckpt_path", str(tmp_path / "run/checkpoints/best.ckpt")),
            *("--data.root", str(tiny_set / "DIS-TE1/im"), "--trainer.accelerator", "cpu"),
            *("--trainer.default_root_dir", str(tmp_path / "cut")),
        ]
    )
    resolved = yaml.safe_load((tmp_path / "cut/config.predict.yaml").read_text())
    assert resolved["data"]["init_args"]["size"] == [32, 32]
    assert len(list((tmp_path / "cut/predictions/cutouts").glob("*.png"))) == 5


@pytest.mark.slow
def test_predictions_of_another_checkpoint_are_not_taken_for_those_of_this_one(
    write_config: WriteConfig, tiny_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config()
    checkpoint = str(tmp_path / "run/checkpoints/last.ckpt")
    command = [
        *("predict", "--config", str(ROOT / "configs/dis/predict.yaml"), "--ckpt_path", checkpoint),
        *("--data.root", str(tiny_set / "DIS-TE1/im"), "--trainer.accelerator", "cpu"),
        *("--trainer.default_root_dir", str(tmp_path / "cut")),
    ]
    main(["fit", "--config", config])
    main(command)
    main(command)
    main(["fit", "--config", config, "--ckpt_path", "last", "--trainer.max_steps", "7"])
    before = (tmp_path / "cut/config.predict.yaml").read_bytes()
    with pytest.raises(SystemExit):
        main([*command, "--data.batch_size", "3"])
    assert "holds predictions of another checkpoint" in capsys.readouterr().err
    assert (tmp_path / "cut/config.predict.yaml").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("command", ["fit", "test"])
def test_checkpoint_of_another_network_is_answered_before_anything_is_written(
    write_config: WriteConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    main(["fit", "--config", write_config()])
    checkpoint = str(tmp_path / "run/checkpoints/last.ckpt")
    capsys.readouterr()
    other = [write_config(name="two"), "--model.net.net.width", "5"]
    with pytest.raises(SystemExit):
        main([command, "--config", *other, "--ckpt_path", checkpoint])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: the weights of {checkpoint} do not fit the configuration: ")
    assert "5 of 6 keys of another shape (0.weight (4, " in line
    assert not (tmp_path / "two").exists()


@pytest.mark.slow
def test_prediction_does_not_cut_out_masks(
    write_config: WriteConfig, tiny_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["fit", "--config", write_config()])
    with pytest.raises(SystemExit):
        main(
            [
                *("predict", "--config", str(ROOT / "configs/dis/predict.yaml")),
                *("--ckpt_path", str(tmp_path / "run/checkpoints/last.ckpt")),
                *("--data.root", str(tiny_set / "DIS-TE1"), "--trainer.accelerator", "cpu"),
                *("--trainer.default_root_dir", str(tmp_path / "cut")),
            ]
        )
    assert "DIS-TE1/im" in capsys.readouterr().err


@pytest.mark.slow
def test_testing_at_another_size_or_without_weights_is_noted(
    write_config: WriteConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config()
    main(["fit", "--config", config])
    main(["test", "--config", config, "--ckpt_path", "last"])
    assert "note:" not in capsys.readouterr().err
    main(["test", "--config", config, "--ckpt_path", "last", "--data.size", "40"])
    assert "was trained at [32, 32]" in capsys.readouterr().err
    main(["test", "--config", config])
    assert "no --ckpt_path" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit", "--config", "{config}", "--trainer.max_stepz", "3"], ["trainer.max_stepz"]),
        (["fit", "--config", "{config}", "--data.rooot", "x"], ["rooot"]),
        (["fit", "--config", "{config}", "--data.size", "abc"], ["size", "abc"]),
        (["fit", "--config", "{config}", "--data.root", "/nowhere"], ["/nowhere", "data.root"]),
        (["fit", "--config", "{config}", "--data.batch_size", "99"], ["99", "batch_size"]),
        (["fit", "--config", "missing.yaml"], ["missing.yaml"]),
        (["fitt", "--config", "{config}"], ["fitt"]),
        (["fit", "--config", "{config}", "--trainer.max_step", "3"], ["trainer.max_step"]),
        (["test", "--config", "{config}", "--ckpt_path", "no.ckpt"], ["no.ckpt"]),
        (["fit", "--config", "{config}", "--trainer.accelerator", "cuda"], ["CUDA"]),
        (["test", "--config", "{config}", "--report.beside.a", "no.json"], ["no.json"]),
        (["fit", "--config", "{config}", "--trainer.max_steps", "abc"], ["max_steps", "abc"]),
        (
            ["fit", "--config", "{config}", "--trainer.max_steps=-1", "--trainer.max_epochs=1"],
            ["schedule", "max_steps"],
        ),
        (["fit", "--config", "{config}", "--model.net.weights", "no.pth"], ["no.pth"]),
        (["test", "--config", "{config}", "--ckpt_path", "{config}"], ["no checkpoint"]),
        (["test", "--config", "{config}", "--ckpt_path", "{weights}"], ["weights"]),
        (["test", "--config", "{config}", "--ckpt_path", "last"], ["last.ckpt"]),
    ],
)
def test_mistake_on_the_command_line_is_one_line_that_names_it(
    arguments: list[str],
    words: list[str],
    write_config: WriteConfig,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = write_config()
    weights = Path(config).with_name("weights.pth")
    torch.save({"weight": torch.zeros(1)}, weights)
    with pytest.raises(SystemExit) as leaving:
        main([argument.format(config=config, weights=weights) for argument in arguments])
    assert_one_line(leaving.value.code, capsys.readouterr().err, words)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("toys.TinyNet", "toys.TinyNest", ["toys.TinyNest"]),
        ("lightningmodules.dis.DIS", "lightningmodules.dis.DISS", ["lightningmodules.dis.DISS"]),
        ("datamodules.dis5k.DIS5K", "datamodules.nowhere.DIS5K", ["datamodules.nowhere.DIS5K"]),
        ("width", "widht", ["widht", "run.yaml:"]),
        ("batch_size", "batchsize", ["batchsize", "run.yaml:"]),
        ("width: 4", "width: four", ["width", "four"]),
        ("max_steps: 6", "max_steps: [", ["run.yaml"]),
    ],
)
def test_mistake_in_a_configuration_is_one_line_that_names_it(
    old: str,
    new: str,
    words: list[str],
    write_config: WriteConfig,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = Path(write_config())
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(SystemExit) as leaving:
        main(["fit", "--config", str(path)])
    assert_one_line(leaving.value.code, capsys.readouterr().err, words)


def assert_one_line(code: object, err: str, words: list[str]) -> None:
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 2
    assert len(lines) == 1
    assert "Traceback" not in err
    assert "usage:" not in err
    assert len(lines[0]) < 300, lines[0]
    assert all(word in lines[0] for word in words), lines[0]


@pytest.mark.slow
def test_mismatched_torchvision_is_named_with_the_cure_before_anything_else(tmp_path: Path) -> None:
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    process = subprocess.run(
        [sys.executable, "-m", "train", "fit"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert process.stderr.startswith("error: torchvision ")
    assert f"torch {torch.__version__.split('+')[0]}" in process.stderr
    assert "pip install" in process.stderr
    assert len(process.stderr.splitlines()) == 1


@pytest.mark.slow
def test_true_bfloat16_trains_and_tests(write_config: WriteConfig, tmp_path: Path) -> None:
    config = ["--config", write_config(), "--trainer.precision", "bf16-true"]
    main(["fit", *config])
    main(["test", *config, "--ckpt_path", "last"])
    weights = load_file(tmp_path / "run/weights.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.bfloat16}
    assert (tmp_path / "run/report/index.html").is_file()


def test_images_fewer_than_processes_are_refused(tiny_set: Path) -> None:
    data = DIS5K(tiny_set, size=32, cache=None, num_workers=0, splits=Splits(test=("DIS-TE1",)))
    data.setup("test")
    data.trainer = Trainer(accelerator="cpu", logger=False, enable_progress_bar=False)
    data._place = lambda: (0, 8)  # type: ignore[method-assign]
    with pytest.raises(DatasetError, match="5 images cannot be evaluated by 8 processes"):
        data.test_dataloader()
