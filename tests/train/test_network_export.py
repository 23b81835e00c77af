from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from networks.adapter import ImageInput
from networks.udun import UDUN
from train.cli import main as run
from train.export import main
from train.network_export import only_size

WriteConfig = Callable[..., str]


def session_of(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.slow
def test_checkpoint_becomes_a_file_beside_it(
    write_config: WriteConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["fit", "--config", write_config(), "--trainer.max_steps", "3"])
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    capsys.readouterr()
    main(["--ckpt_path", str(checkpoint)])
    out = checkpoint.with_suffix(".onnx")
    err = capsys.readouterr().err
    assert f"{out} holds TinyNet for photos of any size" in err
    facts = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
    assert facts["trained_size"] == "32x32"
    state = torch.load(checkpoint, weights_only=True)["state_dict"]
    kernel = state["net.net.4.weight"].numpy()
    kept = [onnx.numpy_helper.to_array(x) for x in onnx.load(out).graph.initializer]
    assert any(x.shape == kernel.shape and np.array_equal(x, kernel) for x in kept)


@pytest.mark.slow
def test_configuration_and_weights_become_a_file_without_a_checkpoint(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    def plain(config: dict) -> None:  # type: ignore[type-arg]
        config["model"]["init_args"]["compile"] = True  # makes no difference to the file
        config["model"]["init_args"]["net"]["init_args"]["net"] = {
            "class_path": "torch.nn.Conv2d",
            "init_args": {"in_channels": 3, "out_channels": 1, "kernel_size": 1},
        }
        config["data"]["init_args"]["root"] = "/nowhere"  # no data is read

    net = nn.Conv2d(3, 1, 1)
    save_file(net.state_dict(), tmp_path / "weights.safetensors")
    main(
        [
            *("--to", "onnx", "--config", write_config(plain)),
            *("--model.net.weights", str(tmp_path / "weights.safetensors")),
            *("--out", str(tmp_path / "net.onnx"), "--size", "[8,10]"),
        ]
    )
    image = torch.rand(2, 3, 8, 10)
    (found,) = session_of(tmp_path / "net.onnx").run(None, {"image": image.numpy()})
    with torch.no_grad():
        expected = net(image - 0.5).sigmoid()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def refusal(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as leaving:
        main(list(args))
    assert leaving.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
def test_mistakes_are_one_line_and_leave_no_file(
    write_config: WriteConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config()
    assert "no --out" in refusal(capsys, "--config", config)
    assert "ends in .onnx" in refusal(capsys, "--config", config, "--out", str(tmp_path))
    assert "no checkpoint at" in refusal(capsys, "--ckpt_path", str(tmp_path / "no.ckpt"))
    assert "no model" in refusal(capsys, "--to", "onnx")

    def other(config: dict) -> None:  # type: ignore[type-arg]
        config["model"] = {"class_path": "lightningmodules.score_folder.ScoreFolder"}

    out = ["--out", str(tmp_path / "net.onnx")]
    error = refusal(capsys, "--config", write_config(other, name="other"), *out)
    assert "ScoreFolder has no network of photos alone" in error
    assert not list(tmp_path.rglob("*.onnx*"))


@pytest.mark.slow
def test_network_that_is_told_where_the_object_is_is_refused(
    write_config: WriteConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def prompted(config: dict) -> None:  # type: ignore[type-arg]
        config["model"]["init_args"]["net"] = {"class_path": "toys.PromptedNet"}

    out = ["--out", str(tmp_path / "net.onnx")]
    error = refusal(capsys, "--config", write_config(prompted), *out)
    assert "PromptedNet is told by the true mask" in error


def test_help_shows_both_forms(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["--to", "onnx", "--help"])
    assert leaving.value.code == 0
    shown = capsys.readouterr().out
    assert "FOLDER OUT --to {dis5k,webdataset,huggingface}" in shown
    assert "--ckpt_path FILE" in shown


@pytest.mark.slow
def test_network_keeps_its_own_size() -> None:
    net = ImageInput(UDUN(256))
    assert only_size(net, None) == (256, 256)
    assert only_size(ImageInput(nn.Conv2d(3, 1, 1)), None) is None
    with pytest.raises(ValueError, match="256 x 256 px alone, got --size"):
        only_size(net, (512, 512))


@pytest.mark.slow
def test_interpretation_is_called_so_in_the_file_and_on_stderr(
    write_config: WriteConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interpretation(config: dict) -> None:  # type: ignore[type-arg]
        config["model"]["init_args"]["net"]["init_args"]["net"] = {
            "class_path": "networks.fp_dis.FPDIS",
            "init_args": {"backbone": "resnet18", "channels": 8},
        }

    out = tmp_path / "net.onnx"
    main(["--to", "onnx", "--config", write_config(interpretation), "--out", str(out)])
    assert "holds FP-DIS (interpretation) for" in capsys.readouterr().err
    facts = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
    assert facts["network"] == "FP-DIS (interpretation)"
