import csv
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer
from py_sod_metrics import MAE, Fmeasure
from safetensors.torch import load_file
from torch import Tensor, nn

from datamodules.dis5k import DIS5K, Splits
from lightningmodules.dis import DIS
from lightningmodules.losses import BCE, DeepSupervision
from lightningmodules.schedules import Cosine, Polynomial, Schedule
from lightningmodules.tiled_refinement import tile_batch
from networks.adapter import ImageInput
from networks.isnet import ISNet
from train.cli import main

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs" / "dis"
SGD = partial(torch.optim.SGD, lr=0.5)

# networks are given as objects here, which the command line never does
pytestmark = pytest.mark.filterwarnings("ignore:Attribute '.*' is an instance of `nn.Module`")


class TwoMaps(nn.Module):
    """A result and a side output of half its size."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 8, 3, padding=1)
        self.result = nn.Conv2d(8, 1, 1)
        self.side = nn.Conv2d(8, 1, 2, stride=2)

    def forward(self, image: Tensor) -> list[Tensor]:
        x = self.body(image).relu()
        return [self.result(x), self.side(x)]


class Learning(Callback):
    """Keeps learning rate and loss of every step."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.losses: list[float] = []

    def on_train_batch_start(self, trainer: Trainer, *_: object) -> None:
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: dict[str, Tensor],
        *_: object,
    ) -> None:
        self.losses.append(float(outputs["loss"]))


def model_of(make_net: Callable[[], nn.Module], **arguments: object) -> DIS:
    torch.manual_seed(0)
    loss = DeepSupervision({"bce": BCE()})
    return DIS(ImageInput(make_net()), loss, SGD, **arguments)  # type: ignore[arg-type]


def trainer_of(*callbacks: Callback, max_steps: int = 4, precision: str = "32-true") -> Trainer:
    return Trainer(
        accelerator="cpu",
        max_steps=max_steps,
        precision=precision,  # type: ignore[arg-type]
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )


def data_of(root: Path) -> DIS5K:
    splits = Splits(test=("DIS-TE1",))
    return DIS5K(root, size=32, batch_size=4, splits=splits, cache=None, num_workers=0)


def losses_of(model: DIS, root: Path, *, precision: str = "32-true") -> list[float]:
    """Train four steps and return their losses."""
    learning = Learning()
    trainer_of(learning, precision=precision).fit(model, data_of(root))
    return learning.losses


def test_several_maps_are_all_supervised_and_the_first_is_the_result(tiny_set: Path) -> None:
    model = model_of(TwoMaps)
    before = {key: value.clone() for key, value in model.net.state_dict().items()}
    losses_of(model, tiny_set)
    after = model.net.state_dict()
    assert not any(torch.equal(before[key], after[key]) for key in before)
    data = data_of(tiny_set)
    data.setup("test")
    batch = next(iter(data.test_dataloader())).to_float()
    with torch.no_grad():
        (maps, expected) = model.predict_step(batch, 0), model(batch).logits[0].sigmoid()
    assert [tuple(found.shape) for found in maps] == batch.size
    # both are smooth, so their means hardly move with the size
    for found, wanted in zip(maps, expected, strict=True):
        assert abs(float(found.float().mean()) / 255 - float(wanted.mean())) < 0.02


def test_network_that_is_told_where_the_object_is_predicts_nothing() -> None:
    class Prompted(nn.Conv2d):
        prompt_protocol = "prompted: a box was given"

    model = DIS(Prompted(3, 1, 1), DeepSupervision({"bce": BCE()}), SGD)
    with pytest.raises(ValueError, match="Prompted is told by the true mask where"):
        model.predict_step(tile_batch(torch.zeros(1, 3, 8, 8)), 0)


def test_bf16_trains_to_nearly_the_same_losses_and_keeps_float_weights(tiny_set: Path) -> None:
    expected = losses_of(model_of(TwoMaps), tiny_set)
    model = model_of(TwoMaps)
    losses = losses_of(model, tiny_set, precision="bf16-mixed")
    assert losses == pytest.approx(expected, rel=0.02)
    assert losses != expected
    assert {value.dtype for value in model.net.state_dict().values()} == {torch.float32}


def test_channels_last_is_the_same_training_in_another_memory_format(tiny_set: Path) -> None:
    expected = losses_of(model_of(TwoMaps), tiny_set)
    model = model_of(TwoMaps, channels_last=True)
    assert losses_of(model, tiny_set) == pytest.approx(expected, rel=1e-5)
    kernel = model.net.net.body.weight  # type: ignore[union-attr]
    assert kernel.is_contiguous(memory_format=torch.channels_last)  # type: ignore[operator]


@pytest.mark.slow
def test_gradient_checkpointing_is_the_same_training(tiny_set: Path) -> None:
    states = []
    for checkpointing in (False, True):
        model = model_of(partial(ISNet, 0.0625, checkpointing=checkpointing))
        trainer_of(max_steps=2).fit(model, data_of(tiny_set))
        states.append(model.net.state_dict())
    plain, checkpointed = states
    for key, value in plain.items():
        torch.testing.assert_close(checkpointed[key], value)


@pytest.mark.slow
# both are raised inside torch's compiler
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf Tensor")
@pytest.mark.skipif(
    not any(shutil.which(name) for name in ("c++", "g++", "clang++")),
    reason="torch.compile needs a C++ compiler",
)
def test_compiled_network_and_loss_train_alike_and_keep_their_keys(tiny_set: Path) -> None:
    plain, compiled = model_of(TwoMaps), model_of(TwoMaps, compile=True)
    expected = losses_of(plain, tiny_set)
    # once for all steps, though each batch has other ids
    with torch._dynamo.config.patch(error_on_recompile=True):
        assert losses_of(compiled, tiny_set) == pytest.approx(expected, rel=1e-4)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 2  # network and loss
    assert compiled.net.state_dict().keys() == plain.net.state_dict().keys()


# sizes


class OnlyEven(TwoMaps):
    """Counts the images that it is given, and sees those of even sides alone."""

    seen = 0

    def check_image_size(self, height: int, width: int) -> None:
        if height % 2 or width % 2:
            raise ValueError(f"got {height} x {width}: set data.size to an even number")

    def forward(self, image: Tensor) -> list[Tensor]:
        self.seen += len(image)
        return super().forward(image)


def test_size_that_the_network_does_not_see_is_an_error_before_any_step(tiny_set: Path) -> None:
    model = model_of(OnlyEven)
    data = data_of(tiny_set)
    data.size = (32, 31)
    with pytest.raises(ValueError, match=r"got 32 x 31: set data\.size to an even number"):
        trainer_of().fit(model, data)
    assert model.net.net.seen == 0  # type: ignore[union-attr]


# schedule


class Told(DeepSupervision):
    """Notes what it is told of the steps."""

    def __init__(self) -> None:
        super().__init__({"bce": BCE()})
        self.steps: list[tuple[int, int]] = []

    def begin_step(self, step: int, max_steps: int) -> None:
        self.steps.append((step, max_steps))


def test_loss_is_told_of_every_training_step(tiny_set: Path) -> None:
    model = model_of(TwoMaps, max_steps=9)
    model.loss = loss = Told()
    losses_of(model, tiny_set)
    assert loss.steps == [(step, 9) for step in range(4)]


def test_schedule_without_a_length_is_an_error_that_names_the_flag() -> None:
    model = model_of(TwoMaps, schedule=Cosine())  # prediction has no length, and needs none
    with pytest.raises(ValueError, match=r"max_steps -1: set trainer\.max_steps"):
        model.configure_optimizers()


@pytest.mark.parametrize(
    "schedule", [Cosine(2), Polynomial(0.9, 1, warmup_ratio=0.1, end=0.25)], ids=["cosine", "poly"]
)
def test_learning_rate_follows_the_schedule(schedule: Schedule, tiny_set: Path) -> None:
    learning = Learning()
    model = model_of(TwoMaps, schedule=schedule, max_steps=5)
    trainer_of(learning, max_steps=5).fit(model, data_of(tiny_set))
    assert learning.rates == pytest.approx([0.5 * schedule(step, 5) for step in range(5)])


# through the command line

RUN = """
trainer:
  accelerator: cpu
  max_steps: 3
  limit_val_batches: 1.0
  num_sanity_val_steps: 0
  log_every_n_steps: 1
  enable_progress_bar: false
  enable_model_summary: false
  default_root_dir: {root}
  logger:
    class_path: lightning.pytorch.loggers.CSVLogger
    init_args: {{save_dir: {root}, name: csv, version: ""}}
model:
  class_path: lightningmodules.dis.DIS
  init_args:
    net:
      class_path: networks.adapter.ImageInput
      init_args:
        net:
          class_path: torch.nn.Conv2d
          init_args: {{in_channels: 3, out_channels: 1, kernel_size: 3, padding: 1}}
    loss:
      class_path: lightningmodules.losses.DeepSupervision
      init_args: {{terms: {{bce: {{class_path: lightningmodules.losses.BCE}}}}}}
    optimizer: {{class_path: torch.optim.SGD, init_args: {{lr: 1.0}}}}
    skeletons: null
data:
  class_path: datamodules.dis5k.DIS5K
  init_args:
    root: {data}
    size: 32
    batch_size: 4
    cache: null
    num_workers: 0
    splits: {{train: DIS-TR, val: DIS-TE1, test: [DIS-TE1]}}
"""


def csv_values(path: Path) -> dict[str, float]:
    """Return the last value of each column."""
    with path.open() as file:
        return {key: float(x) for row in csv.DictReader(file) for key, x in row.items() if x}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning:py_sod_metrics")  # announces its successor
def test_scores_equal_pysodmetrics_on_the_maps_that_predict_writes(
    tiny_set: Path, tmp_path: Path
) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(RUN.format(root=tmp_path, data=tiny_set))
    main(["fit", "--config", str(config)])
    checkpoint = ["--ckpt_path", str(tmp_path / "checkpoints/best.ckpt")]
    version = "--trainer.logger.init_args.version"
    main(["validate", "--config", str(config), *checkpoint, version, "validated"])
    validated = csv_values(tmp_path / "csv/validated/metrics.csv")
    main(["test", "--config", str(config), *checkpoint, version, "tested"])
    tested = json.loads((tmp_path / "report/metrics.json").read_text())["all"]
    main(
        [
            *("predict", "--config", str(CONFIGS / "predict.yaml"), *checkpoint),
            *("--data.root", str(tiny_set / "DIS-TE1/im"), "--data.size", "32"),
            *("--data.num_workers", "0", "--trainer.enable_progress_bar", "false"),
            *("--trainer.default_root_dir", str(tmp_path), "--trainer.accelerator", "cpu"),
        ]
    )
    mae, f = MAE(), Fmeasure(beta=0.3)
    for path in sorted((tiny_set / "DIS-TE1/gt").iterdir()):
        truth = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        found = cv2.imread(str(tmp_path / "predictions/masks" / path.name), cv2.IMREAD_GRAYSCALE)
        for metric in (mae, f):
            metric.step(found, truth)
    curve, adaptive = (f.get_results()["fm"][key] for key in ("curve", "adp"))
    expected = {
        "mae": mae.get_results()["mae"],
        "max_f": np.max(curve),
        "mean_f": np.mean(curve),
        "adaptive_f": adaptive,
    }
    for name, value in expected.items():
        assert tested[name] == pytest.approx(value, abs=1e-9)
        # the logger holds single precision
        assert validated[f"val/{name}"] == pytest.approx(value, abs=1e-6)


def test_schedule_without_max_steps_is_one_line(
    tiny_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = yaml.safe_load(RUN.format(root=tmp_path, data=tiny_set))
    config["trainer"] |= {"max_steps": -1, "max_epochs": 1}
    config["model"]["init_args"]["schedule"] = {"class_path": "lightningmodules.schedules.Cosine"}
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(SystemExit) as leaving:
        main(["fit", "--config", str(path)])
    assert leaving.value.code == 2
    errors = capsys.readouterr().err.splitlines()
    assert any(x.startswith("error: ") and "set trainer.max_steps" in x for x in errors)


def shrunk(name: str, data: Path) -> str:
    """Write a shipped configuration at a sixteenth of the width into the current folder."""
    config = yaml.safe_load((CONFIGS / name).read_text())
    config["trainer"] |= {
        "accelerator": "cpu",
        "max_steps": 2,
        "val_check_interval": 2,
        "log_every_n_steps": 1,
        "num_sanity_val_steps": 0,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "logger": {
            "class_path": "lightning.pytorch.loggers.CSVLogger",
            "init_args": {"save_dir": ".", "name": "csv", "version": name},
        },
    }
    config["data"]["init_args"] |= {"root": str(data), "size": 32, "batch_size": 4}
    config["data"]["init_args"]["num_workers"] = 0
    small = {"width": 0.0625}
    model = config["model"]["init_args"]
    model["net"]["init_args"]["net"]["init_args"] = small
    for loss in model["loss"]["init_args"].get("losses", []):
        if "encoder" in loss["init_args"]:
            loss["init_args"]["encoder"]["init_args"]["net"]["init_args"] = small
    Path(name).write_text(yaml.safe_dump(config))
    return name


@pytest.mark.slow
def test_both_stages_of_the_paper_run_by_their_configurations(
    tiny_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second finds the weights of the first where the first leaves them."""
    monkeypatch.chdir(tmp_path)
    main(["fit", "--config", shrunk("isnet_gt_encoder.yaml", tiny_set)])
    encoder = load_file("runs/isnet_gt_encoder/weights.safetensors")
    main(["fit", "--config", shrunk("isnet.yaml", tiny_set)])
    logged = csv_values(tmp_path / "csv/isnet.yaml/metrics.csv")
    assert logged["train/feature"] > 0
    assert logged["train/loss"] == pytest.approx(logged["train/bce"] + logged["train/feature"])
    kept = torch.load("runs/isnet/checkpoints/last.ckpt", weights_only=True)["state_dict"]
    assert {key.removeprefix("net.") for key in kept} == set(
        load_file("runs/isnet/weights.safetensors")
    )
    assert load_file("runs/isnet_gt_encoder/weights.safetensors").keys() == encoder.keys()


def test_second_stage_without_the_first_is_one_line_that_names_the_file(
    tiny_set: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as leaving:
        main(["fit", "--config", shrunk("isnet.yaml", tiny_set)])
    assert leaving.value.code == 2
    assert "runs/isnet_gt_encoder/weights.safetensors not found" in capsys.readouterr().err
