from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.data import DataLoader

from callbacks.pipeline_writer import PipelineWriter
from callbacks.sample_grid import SampleGrid
from datamodules.batch import Batch
from lightningmodules.diffusion import Diffusion
from lightningmodules.diffusion_draws import DiffusionDraws, Dropping, draws_of, generators_at
from lightningmodules.mask_draws import Place
from tests.lightningmodules.tiny_diffusion_models import bars, tiny_diffusion

# networks are given as objects here, which the command line never does
pytestmark = pytest.mark.filterwarnings("ignore:Attribute '.*' is an instance of `nn.Module`")
IDS = ["a", "b", "c", "d"]


def draws(ids: list[str], first: int, **arguments: float) -> DiffusionDraws:
    place = Place(step=3, first=first, batch_size=4)
    dropping = Dropping(**arguments)
    generators = generators_at(7, ids, place)
    return draws_of(generators, (4, 2, 2), num_times=1000, num_controls=2, dropping=dropping)


def loader(batch: Batch, repeats: int = 1) -> DataLoader[Batch]:
    return DataLoader([batch] * repeats, batch_size=None)


def trained(model: Diffusion, folder: Path, batch: Batch, steps: int) -> Trainer:
    trainer = Trainer(
        accelerator="cpu",
        max_steps=steps,
        default_root_dir=folder,
        logger=TensorBoardLogger(folder, name="tensorboard", version=""),
        callbacks=[EMAWeightAveraging(decay=0.5), SampleGrid(2, 1), PipelineWriter()],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
        num_sanity_val_steps=0,
    )
    trainer.fit(model, loader(batch, steps), loader(batch))
    return trainer


def test_draws_of_a_sample_are_the_same_on_one_process_and_on_two() -> None:
    whole, first, second = draws(IDS, 0), draws(IDS[:2], 0), draws(IDS[2:], 2)
    assert torch.equal(whole.noise, torch.cat([first.noise, second.noise]))
    assert torch.equal(whole.times, torch.cat([first.times, second.times]))
    assert torch.equal(whole.told, torch.cat([first.told, second.told]))
    assert torch.equal(whole.shown, torch.cat([first.shown, second.shown], dim=1))
    assert whole.seeds == first.seeds + second.seeds


def test_each_combination_of_conditions_is_met() -> None:
    many = draws([f"id{k}" for k in range(64)], 0, control=0.5)
    assert {tuple(column) for column in many.shown.T.tolist()} == {
        (a, b) for a in (False, True) for b in (False, True)
    }


@pytest.mark.parametrize(("chance", "expected"), [(0.0, True), (1.0, False)])
def test_nothing_or_all_is_dropped_at_the_bounds(chance: float, expected: bool) -> None:
    found = draws(IDS, 0, prompt=chance, control=chance)
    assert (found.told == expected).all()
    assert (found.shown == expected).all()


def test_chance_beyond_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"prompt 1.5 and control 0.5 must be in \[0, 1\]"):
        Dropping(prompt=1.5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["image", "mask"])
def test_drawn_images_have_the_size_of_the_masks_and_come_again(kind: str) -> None:
    model, batch = tiny_diffusion(kind).eval(), bars(2)  # type: ignore[arg-type]
    first = model.draw(batch)
    assert first.shape == (2, 3 if kind == "image" else 1, 16, 16)
    assert first.min() >= 0
    assert first.max() <= 1
    assert torch.equal(first, model.draw(batch))
    assert not torch.equal(first, model.draw(batch, 1))


@pytest.mark.slow
def test_drawn_image_does_not_depend_on_the_batch() -> None:
    model = tiny_diffusion("image", ("canny", "mask")).eval()
    batch, alone = bars(3), bars(1)
    torch.testing.assert_close(model.draw(batch)[:1], model.draw(alone), atol=1e-4, rtol=1e-4)


def test_net_and_conditions_must_have_the_same_names() -> None:
    model = tiny_diffusion("image", ("mask",))
    with pytest.raises(ValueError, match=r"ControlNets \['mask'\], but .* conditions for \[\]"):
        Diffusion(model.net, model.captions, model.optimizer, scheduler=model.scheduler)


def test_too_many_words_are_refused() -> None:
    model = tiny_diffusion("mask")
    model.net.vocabulary = 10
    with pytest.raises(ValueError, match=r"captions have \d+ words, .* room for 10"):
        Diffusion(model.net, model.captions, model.optimizer, scheduler=model.scheduler)


@pytest.mark.slow
def test_fit_leaves_a_pipeline_and_pictures(tmp_path: Path) -> None:
    trained(tiny_diffusion("image", ("canny", "mask")), tmp_path, bars(), steps=2)
    assert (tmp_path / "pipeline" / "model_index.json").is_file()
    assert (tmp_path / "pipeline" / "controlnet_canny" / "config.json").is_file()
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    assert board.Tags()["images"] == ["samples"]
    assert {"train/loss", "val/loss"} <= set(board.Tags()["scalars"])


@pytest.mark.parametrize("callback", [SampleGrid(), PipelineWriter()])
def test_callback_refuses_a_module_of_another_kind(callback: SampleGrid | PipelineWriter) -> None:
    with pytest.raises(ValueError, match=r"needs lightningmodules.diffusion.Diffusion, got Light"):
        callback.setup(Trainer(logger=False, enable_checkpointing=False), LightningModule(), "fit")


@pytest.mark.slow
def test_few_masks_are_learned_by_heart(tmp_path: Path) -> None:
    batch = bars(4)
    model = tiny_diffusion("mask", ("mask",), dropping=Dropping(prompt=0.0, control=0.0))
    trained(model, tmp_path, batch, steps=250)
    drawn = model.eval().draw(batch) > 0.5
    truth = batch.mask > 0.5
    overlap = (drawn & truth).sum((1, 2, 3)) / (drawn | truth).sum((1, 2, 3))
    assert float(overlap.mean()) > 0.9
