from functools import partial
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from lightning.pytorch.loggers import TensorBoardLogger
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn

from callbacks.edit_grid import EditGrid, grid
from callbacks.weights_writer import WeightsWriter
from datamodules.dis5k import DIS5K, Splits
from generation.edits.adversarial import AdversarialEdit
from lightningmodules.losses.mask_editing_terms import Weights
from lightningmodules.mask_editor import MaskEditor
from networks.mask_editor import FlowMaskEditor
from networks.published_mask_gan import PublishedMaskDiscriminator, PublishedMaskGenerator
from tests.lightningmodules.discs import write_discs

ADAM = partial(torch.optim.Adam, lr=1e-3, betas=(0.5, 0.999))

# networks are given as objects here, which the command line never does
pytestmark = pytest.mark.filterwarnings("ignore:Attribute '.*' is an instance of `nn.Module`")
ALL = Weights()


# not MaskDiscriminator: as an object, spectral normalisation cannot be written to hparams.yaml
def flow_editor(weights: Weights = ALL, seed: int = 0) -> MaskEditor:
    torch.manual_seed(0)
    return MaskEditor(
        FlowMaskEditor(4),
        PublishedMaskDiscriminator(4),
        ADAM,
        ADAM,
        weights=weights,
        num_points=24,
        seed=seed,
    )


def data(root: Path, batch_size: int = 4) -> DIS5K:
    return DIS5K(
        root,
        size=48,
        batch_size=batch_size,
        num_workers=0,
        cache=None,
        splits=Splits(test=("DIS-TE1",)),
    )


def trained(model: MaskEditor, root: Path, folder: Path, steps: int = 4) -> dict[str, float]:
    """Train for a few optimizer steps, two a batch, and return what was logged."""
    trainer = Trainer(
        accelerator="cpu",
        max_steps=steps,
        default_root_dir=folder,
        logger=TensorBoardLogger(folder, name="board", version=""),
        callbacks=[EMAWeightAveraging(decay=0.5), EditGrid(2, 3), WeightsWriter()],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        val_check_interval=2,
        check_val_every_n_epoch=None,
        log_every_n_steps=1,
    )
    trainer.fit(model, data(root))
    return {name: float(value) for name, value in trainer.logged_metrics.items()}


def parameters(net: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in net.parameters()])


@pytest.fixture(scope="module")
def editor_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_discs(tmp_path_factory.mktemp("discs"))


@pytest.mark.slow
def test_both_networks_learn_and_every_term_is_logged(editor_set: Path, tmp_path: Path) -> None:
    model = flow_editor()
    before = [parameters(x) for x in (model.net, model.discriminator)]
    logged = trained(model, editor_set, tmp_path)
    after = [parameters(x) for x in (model.net, model.discriminator)]
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    names = ("loss", "discriminator", "adversarial", "content", "structure", "diversity")
    assert {f"train/{name}" for name in names} <= logged.keys()
    assert {"val/topology_kept", "val/iou", "val/iou_of_two_edits", "val/kid"} <= logged.keys()
    parts = sum(logged[f"train/{n}"] for n in names[2:])
    assert logged["train/loss"] == pytest.approx(parts, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("off", ["adversarial", "content", "structure", "diversity"])
def test_weight_of_zero_switches_a_term_off(off: str, editor_set: Path, tmp_path: Path) -> None:
    model = flow_editor(Weights(**{off: 0.0}))
    before = parameters(model.discriminator)
    logged = trained(model, editor_set, tmp_path, steps=2)
    assert f"train/{off}" not in logged
    # without its term the discriminator costs nothing
    assert torch.equal(parameters(model.discriminator), before) == (off == "adversarial")


@pytest.mark.slow
def test_same_seed_gives_the_same_weights_and_another_seed_others(
    editor_set: Path, tmp_path: Path
) -> None:
    found = []
    for number, seed in enumerate((0, 0, 1)):
        model = flow_editor(seed=seed)
        trained(model, editor_set, tmp_path / str(number), steps=2)
        found.append(parameters(model.net))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_published_pair_trains_by_the_same_module(editor_set: Path, tmp_path: Path) -> None:
    model = MaskEditor(PublishedMaskGenerator(4), PublishedMaskDiscriminator(4), ADAM, ADAM)
    logged = trained(model, editor_set, tmp_path, steps=2)
    assert logged["train/structure"] >= 0


def test_weights_that_fit_leaves_are_the_averages_and_load_as_an_edit(
    editor_set: Path, tmp_path: Path
) -> None:
    model = flow_editor()
    trained(model, editor_set, tmp_path)
    path = tmp_path / "weights.safetensors"
    assert torch.equal(
        load_file(path)["velocity.weight"], model.net.state_dict()["velocity.weight"]
    )
    edit = AdversarialEdit(FlowMaskEditor(4, weights=str(path)))
    assert edit.size == (48, 48)  # at which it was trained


@pytest.mark.parametrize("num_sanity_val_steps", [0, 1])
def test_too_few_validation_masks_are_refused_before_anything_is_learned(
    num_sanity_val_steps: int, editor_set: Path, tmp_path: Path
) -> None:
    model = flow_editor()
    before = parameters(model.discriminator)
    trainer = Trainer(
        accelerator="cpu",
        max_steps=2,
        default_root_dir=tmp_path,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=num_sanity_val_steps,
        limit_val_batches=1,
    )
    with pytest.raises(ValueError, match=r"^3 validation masks are too few .* needs 4: .*\(1\)"):
        trainer.fit(model, data(editor_set, batch_size=3))
    assert torch.equal(parameters(model.discriminator), before)


def test_run_without_validation_needs_no_validation_masks(editor_set: Path, tmp_path: Path) -> None:
    trainer = Trainer(
        accelerator="cpu",
        max_steps=2,
        default_root_dir=tmp_path,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )
    trainer.fit(flow_editor(), data(editor_set))
    assert trainer.global_step == 2


def test_codes_of_a_validation_belong_to_the_mask_not_to_its_batch(
    editor_set: Path, tmp_path: Path
) -> None:
    scores = []
    for batch_size in (1, 2):
        trainer = Trainer(
            accelerator="cpu",
            default_root_dir=tmp_path,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        (found,) = trainer.validate(flow_editor(), data(editor_set, batch_size), verbose=False)
        scores.append(found)
    assert scores[0] == pytest.approx(scores[1], rel=1e-4)


@pytest.mark.slow
def test_pictures_stand_in_tensorboard(editor_set: Path, tmp_path: Path) -> None:
    trained(flow_editor(), editor_set, tmp_path)
    board = EventAccumulator(str(tmp_path / "board"), size_guidance={"images": 0})
    board.Reload()
    (picture,) = board.Images("edits")
    assert (picture.height, picture.width) == (2 * 50 - 2, 4 * 50 - 2)


def test_grid_separates_planes_by_grey_lines() -> None:
    planes = torch.stack([torch.zeros(2, 3, 4), torch.ones(2, 3, 4)])
    picture = grid(planes, 1)
    assert picture.shape == (1, 2 * 4 - 1, 2 * 5 - 1)
    assert picture[0, :3, :4].max() == 0
    assert picture[0, 4:, 5:].min() == 1
    assert (picture[0, 3] == 0.5).all()


@pytest.mark.parametrize("strengths", [(0.3, 0.2), (-0.1, 0.2), (0.1, 1.0)])
def test_strengths_out_of_order_are_refused(strengths: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="strengths"):
        MaskEditor(FlowMaskEditor(4), nn.Identity(), ADAM, ADAM, strengths=strengths)


@pytest.mark.parametrize("weights", [(0.0, 0.0, 0.0, 0.0), (1.0, -0.1, 0.5, 0.2)])
def test_weights_that_teach_nothing_or_the_opposite_are_refused(
    weights: tuple[float, float, float, float],
) -> None:
    adversarial, content, structure, diversity = weights
    with pytest.raises(ValueError, match="one above 0"):
        Weights(adversarial=adversarial, content=content, structure=structure, diversity=diversity)
