import resource
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.data import DataLoader

from callbacks.weights_writer import WeightsWriter
from networks.weights import load_weights

DECAY = 0.75


class Model(LightningModule):
    """Fits a convolution to noise."""

    def __init__(self) -> None:
        super().__init__()
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1))
        self.net = net.to(memory_format=torch.channels_last)

    def training_step(self, batch: Tensor) -> Tensor:
        return self.net(batch).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.net.parameters(), lr=0.1)


class Watcher(Callback):
    """Keeps the weights of the first convolution after each step."""

    def __init__(self) -> None:
        self.weights: list[Tensor] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: Model, *_: object) -> None:  # type: ignore[override]
        self.weights.append(pl_module.net[0].weight.detach().clone())


class Tie(Callback):
    """Lets two layers have one bias."""

    def on_fit_start(self, trainer: Trainer, pl_module: Model) -> None:  # type: ignore[override]
        pl_module.net[1].bias = pl_module.net[0].bias


class Stopper(Callback):
    def on_train_batch_start(self, *_: object) -> None:
        raise RuntimeError("stopped on purpose")


def fit(root: Path, *callbacks: Callback) -> Model:
    trainer = Trainer(
        max_steps=5,
        accelerator="cpu",
        default_root_dir=root,
        callbacks=[*callbacks, WeightsWriter()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    model = Model()
    data = torch.randn(10, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    trainer.fit(model, DataLoader(data, batch_size=2))
    return model


def test_weights_of_a_finished_fit_load_into_the_same_network(tmp_path: Path) -> None:
    net = fit(tmp_path / "run").net
    loaded = Model().net
    load_weights(loaded, str(tmp_path / "run" / "weights.safetensors"))
    image = torch.rand(2, 3, 8, 8)
    assert torch.equal(loaded.eval()(image), net.eval()(image))
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["weights.safetensors"]


def test_tied_weights_are_written_under_both_names(tmp_path: Path) -> None:
    net = fit(tmp_path, Tie()).net
    written = load_file(tmp_path / "weights.safetensors")
    assert written["0.bias"].equal(net[0].bias)
    assert written["1.bias"].equal(net[0].bias)


def test_folder_of_the_run_loads_too(tmp_path: Path) -> None:
    net = fit(tmp_path).net
    loaded = Model().net
    load_weights(loaded, str(tmp_path))
    assert all(
        torch.equal(x, y) for x, y in zip(loaded.parameters(), net.parameters(), strict=True)
    )


def test_averages_are_written_where_weights_are_averaged(tmp_path: Path) -> None:
    watcher = Watcher()
    fit(tmp_path, watcher, EMAWeightAveraging(decay=DECAY))
    loaded = Model().net
    load_weights(loaded, str(tmp_path))
    average, *later = watcher.weights  # the first update copies
    for weights in later:
        average = DECAY * average + (1 - DECAY) * weights
    torch.testing.assert_close(loaded[0].weight, average)


def test_stopped_fit_leaves_no_weights(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="on purpose"):
        fit(tmp_path, Stopper())
    assert not (tmp_path / "weights.safetensors").exists()


def test_full_disk_is_an_error_of_the_disk_and_leaves_the_earlier_weights(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"earlier")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            fit(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"earlier"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
