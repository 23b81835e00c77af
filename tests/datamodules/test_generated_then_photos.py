"""Generated pairs first, photos last."""

from dataclasses import replace
from pathlib import Path

import pytest
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from datamodules.batch import Batch
from datamodules.generated_then_photos import GeneratedThenPhotos
from datamodules.sample import MaskKind, Sample
from datamodules.voc import PascalVOC
from tests.datamodules.generated_sets import toy_set
from tests.datamodules.labelled_data import labels_of, write_voc


def chair(sample: Sample) -> Sample:
    return replace(
        sample,
        mask=sample.mask % 2,
        mask_kind=MaskKind.LABELS,
        class_names=("background", "chair"),
        counterfactual=sample.image.flip(2),
    )


def data(folder: Path, **arguments: object) -> GeneratedThenPhotos:
    toy_set(folder / "set", 12, made=chair)
    maps = {f"photo{k}": labels_of(0, k + 1, size=(9, 12)) for k in range(3)}
    write_voc(folder / "voc", maps, split="train")
    write_voc(folder / "voc", {"held": labels_of(0, 5, size=(7, 9))}, split="val")
    defaults: dict[str, object] = {
        "train": PascalVOC(folder / "voc", "train"),
        "size": 8,
        "batch_size": 2,
        "num_workers": 0,
    }
    return GeneratedThenPhotos([folder / "set"], **{**defaults, **arguments})  # type: ignore[arg-type]


class Seen(LightningModule):
    """Remembers what it was trained and validated on."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[list[str]] = []
        self.validated: list[str] = []
        self.agrees: list[bool] = []

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        self.ids.append(list(batch.id))
        module = self.trainer.datamodule  # type: ignore[attr-defined]
        is_photos = module.shows_photos(self.trainer.fit_loop.total_batch_idx)
        self.agrees.append(is_photos == (batch.counterfactual is None))
        return batch.image.sum().requires_grad_()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.validated += batch.id

    def configure_optimizers(self) -> None:
        return None


def trained(module: GeneratedThenPhotos, folder: Path, max_steps: int) -> Seen:
    model = Seen()
    trainer = Trainer(
        accelerator="cpu",
        max_steps=max_steps,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir=folder,
    )
    trainer.fit(model, datamodule=module)
    return model


@pytest.mark.filterwarnings("ignore:`LightningModule.configure_optimizers` returned `None`")
def test_the_last_part_of_the_run_is_of_photos_alone(tmp_path: Path) -> None:
    val = PascalVOC(tmp_path / "voc", "val")
    # five pairs make two batches an epoch: the run crosses several
    model = trained(data(tmp_path, photos_last=0.3, val=val), tmp_path, 10)
    kinds = [{id.startswith("photo") for id in batch} for batch in model.ids]
    assert kinds == [{False}] * 7 + [{True}] * 3
    assert all(model.agrees)
    assert set(model.validated) == {"held"}


def test_a_run_without_length_has_no_last_part(tmp_path: Path) -> None:
    module = data(tmp_path)
    module.setup("fit")
    with pytest.raises(ValueError, match=r"which has no length: set trainer\.max_steps"):
        module.train_dataloader()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_one_kind_alone_is_refused(share: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="for one kind of data take"):
        data(tmp_path, photos_last=share)


def test_photos_are_named_and_miss_no_counterfactual(tmp_path: Path) -> None:
    both = data(tmp_path)
    both.trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    both.setup("fit")
    pairs, photos = both.label_names()
    assert pairs.class_names == ("background", "chair")
    assert photos.class_names == both.class_names
    assert not photos.lacks_counterfactual
