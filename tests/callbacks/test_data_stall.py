import json
from pathlib import Path
from time import sleep

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import Dataset

from callbacks.data_stall import DataStall
from datamodules.batch import Batch
from datamodules.draws import SlotBatches, SlotLoader
from datamodules.sample import MaskKind, Provenance, Sample, View

WAIT, WORK = 0.03, 0.01


class SlowViews(Dataset[View]):
    """Each view takes a while."""

    def __getitem__(self, slot: int) -> View:
        sleep(WAIT)
        sample = Sample(
            id=str(slot),
            image=torch.zeros(3, 4, 4, dtype=torch.uint8),
            mask=torch.zeros(4, 4, dtype=torch.uint8),
            mask_kind=MaskKind.ALPHA,
            class_names=("object",),
            provenance=Provenance(source="test"),
        )
        return View(sample=sample, size=(4, 4))


class Model(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Conv2d(3, 1, 1)

    def training_step(self, batch: Batch) -> Tensor:
        sleep(WORK)
        return self.net(batch.image.float()).square().mean()

    def validation_step(self, batch: Batch) -> None:
        sleep(0.5)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.net.parameters(), lr=0.1)


def fit(root: Path, max_steps: int, **arguments: object) -> DataStall:
    loader, val = (
        SlotLoader(SlowViews(), slots=SlotBatches(n, 1, 0, 1), num_workers=0, pin_memory=False)
        for n in (20, 1)
    )
    stall = DataStall()
    trainer = Trainer(
        max_steps=max_steps,
        accelerator="cpu",
        logger=False,
        default_root_dir=root,
        callbacks=[stall],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        num_sanity_val_steps=0,
        val_check_interval=5,
    )
    trainer.fit(Model(), loader, val, **arguments)  # type: ignore[arg-type]
    trainer.save_checkpoint(root / "last.ckpt")
    return stall


def timing(root: Path) -> dict[str, float]:
    return json.loads((root / "timing.json").read_text())  # type: ignore[no-any-return]


@pytest.mark.slow  # waits on purpose
def test_waiting_is_counted_from_the_second_batch_and_validation_is_not(tmp_path: Path) -> None:
    fit(tmp_path, 10)
    found = timing(tmp_path)
    assert found["num_batches"] == 10
    assert found["seconds_to_first_batch"] >= WAIT
    # a loaded machine only makes everything longer, and sleeps are never shorter
    assert found["seconds_waited"] >= 9 * WAIT
    assert found["seconds"] >= 9 * WAIT + 10 * WORK
    assert found["data_stall"] == pytest.approx(found["seconds_waited"] / found["seconds"])


def test_validation_stops_the_clock(tmp_path: Path) -> None:
    stall = DataStall()
    stall._is_started = True
    trainer, model = Trainer(accelerator="cpu", logger=False), Model()
    stall.on_validation_end(trainer, model)  # starts it
    stall.on_validation_start(trainer, model)
    before = stall.seconds
    sleep(0.02)
    assert stall.seconds == before
    stall.on_validation_end(trainer, model)
    sleep(0.02)
    assert stall.seconds >= before + 0.02


@pytest.mark.slow  # waits on purpose
def test_continued_run_counts_as_one(tmp_path: Path) -> None:
    fit(tmp_path, 6)
    first = timing(tmp_path)
    fit(tmp_path, 11, ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    both = timing(tmp_path)
    assert first["num_batches"] == 6
    assert both["num_batches"] == 11  # each batch once, though the first ones are not waited for
    assert both["seconds_waited"] >= first["seconds_waited"] + 4 * WAIT


def test_what_a_kill_has_undone_is_not_counted() -> None:
    killed, continued = DataStall(), DataStall()
    killed._seconds, killed._waited, killed._num_batches = 10.0, 2.0, 50
    checkpoint = killed.state_dict()
    killed._waited, killed._num_batches = 9.0, 60  # trained on after it, and once more below
    continued.load_state_dict(checkpoint)
    assert continued.state_dict() == {"seconds": 10.0, "waited": 2.0, "num_batches": 50}
