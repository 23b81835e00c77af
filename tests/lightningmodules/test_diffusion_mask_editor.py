from functools import partial
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from safetensors.torch import load_file
from torch import Tensor, nn

from callbacks.adapter_writer import AdapterWriter
from datamodules.dis5k import DIS5K, Splits
from generation.diffusion.edit_branch_files import HINT
from generation.edits.masactrl import MasaCtrlEdit
from generation.prompts.templates import ShapePrompts
from lightningmodules.diffusion_mask_editor import DiffusionMaskEditor
from lightningmodules.losses.mask_editing_terms import Weights
from networks.published_mask_gan import PublishedMaskDiscriminator
from tests.generation.tiny_latent_models import write_sd
from tests.lightningmodules.discs import write_discs

ADAM = partial(torch.optim.Adam, lr=1e-3, betas=(0.5, 0.999))
PUBLISHED = Weights(diversity=0.0)

# networks are given as objects here, which the command line never does
pytestmark = pytest.mark.filterwarnings("ignore:Attribute '.*' is an instance of `nn.Module`")


@pytest.fixture(scope="module")
def sd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sd(tmp_path_factory.mktemp("models") / "tiny-sd")


@pytest.fixture(scope="module")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_discs(tmp_path_factory.mktemp("discs"))


def editor(
    sd: Path, weights: Weights = PUBLISHED, *, adapter: str | None = None, lr: float = 1e-3
) -> DiffusionMaskEditor:
    torch.manual_seed(0)
    masactrl = MasaCtrlEdit(
        ShapePrompts(),
        str(sd),
        num_steps=2,
        start_step=1,
        start_layer=2,
        guidance=1.0,
        adapter=adapter,
    )
    adam = partial(ADAM, lr=lr)
    return DiffusionMaskEditor(
        masactrl, PublishedMaskDiscriminator(4), adam, adam, weights=weights, num_grad_steps=2
    )


class Losses(Callback):
    """Keeps a logged value after each batch."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.values: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:  # type: ignore[override]
        self.values.append(float(trainer.callback_metrics[self.name]))


def trained(
    model: DiffusionMaskEditor,
    root: Path,
    folder: Path,
    *callbacks: Callback,
    steps: int = 2,
    num_validation_batches: int = 0,
) -> dict[str, float]:
    """Train for a few optimizer steps, two a batch, and return what was logged."""
    trainer = Trainer(
        accelerator="cpu",
        max_steps=steps,
        default_root_dir=folder,
        logger=False,
        callbacks=list(callbacks),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        val_check_interval=1,
        check_val_every_n_epoch=None,
        limit_val_batches=num_validation_batches,
    )
    splits = Splits(test=("DIS-TE1",))
    data = DIS5K(root, size=32, batch_size=4, num_workers=0, cache=None, splits=splits)
    trainer.fit(model, data)
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def parameters(net: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten().clone() for p in net.parameters()])


@pytest.mark.slow
def test_branch_and_discriminator_learn_and_the_model_stays(
    sd: Path, discs: Path, tmp_path: Path
) -> None:
    model = editor(sd)
    frozen = model._frozen.masactrl.model
    before = [parameters(x) for x in (frozen, model.discriminator)]
    branch = {name: x.clone() for name, x in model.net.state_dict().items()}
    logged = trained(model, discs, tmp_path, num_validation_batches=1)
    after = [parameters(x) for x in (frozen, model.discriminator)]
    assert [torch.equal(a, b) for a, b in zip(before, after, strict=True)] == [True, False]
    # the other half of each pair begins to learn when these have left zero
    learned = {
        name for name, x in model.net.state_dict().items() if not torch.equal(x, branch[name])
    }
    assert learned == {n for n in branch if ".lora_B." in n or n.startswith("hint.add.")}
    names = ("adversarial", "content", "structure")
    assert logged["train/loss"] == pytest.approx(sum(logged[f"train/{n}"] for n in names), rel=1e-4)
    assert {"val/topology_kept", "val/iou", "val/iou_of_two_edits", "val/kid"} <= logged.keys()
    assert not any(name.startswith("_frozen") for name in model.state_dict())


@pytest.mark.slow
@pytest.mark.parametrize(
    "off",
    [
        "adversarial",
        pytest.param("content", marks=pytest.mark.slow),
        pytest.param("structure", marks=pytest.mark.slow),
    ],
)
def test_weight_of_zero_switches_a_term_off(
    off: str, sd: Path, discs: Path, tmp_path: Path
) -> None:
    factors = {"adversarial": 1.0, "content": 0.8, "structure": 0.5, "diversity": 0.0, off: 0.0}
    model = editor(sd, Weights(**factors))
    before = parameters(model.discriminator)
    assert f"train/{off}" not in trained(model, discs, tmp_path)
    assert torch.equal(parameters(model.discriminator), before) == (off == "adversarial")


@pytest.mark.slow
def test_adapter_that_fit_leaves_are_the_averages_and_it_learns_on(
    sd: Path, discs: Path, tmp_path: Path
) -> None:
    model = editor(sd)
    trained(model, discs, tmp_path, EMAWeightAveraging(decay=0.5), AdapterWriter())
    folder = tmp_path / "adapter"
    assert torch.equal(load_file(folder / HINT)["hint.add.bias"], model.net.hint.add.bias)
    again = editor(sd, adapter=str(folder))
    assert torch.equal(parameters(again.net), parameters(model.net))
    assert all(p.requires_grad for p in again.net.parameters())
    masks = torch.zeros(1, 1, 32, 32)
    masks[:, :, 8:24, 8:24] = 1
    with torch.no_grad():
        assert torch.equal(again.edit(masks), model.edit(masks))


@pytest.mark.slow
def test_content_falls_in_thirty_steps(sd: Path, discs: Path, tmp_path: Path) -> None:
    alone = Weights(adversarial=0.0, content=1.0, structure=0.0, diversity=0.0)
    losses = Losses("train/content")
    trained(editor(sd, alone, lr=3e-2), discs, tmp_path, losses, steps=30)
    # two batches are an epoch
    first, last = sum(losses.values[:4]) / 4, sum(losses.values[-4:]) / 4
    # a random decoder hides most of what the branch learns
    assert last < 0.95 * first


def test_masks_of_another_size_than_the_models_are_refused(sd: Path) -> None:
    with pytest.raises(ValueError, match=r"16x16 pixels, but the model works at 32: give data\."):
        editor(sd).edit(torch.zeros(1, 1, 16, 16))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weights": Weights()}, "diversity is 0.2: give 0"),
        ({"strength": 1.0}, "strength is 1.0"),
        ({"num_grad_steps": 0}, "give 1 to 2"),
        ({"num_grad_steps": 3}, "give 1 to 2"),
    ],
)
def test_number_out_of_range_is_refused(
    sd: Path, wrong: dict[str, Weights | float], message: str
) -> None:
    masactrl = MasaCtrlEdit(ShapePrompts(), str(sd), num_steps=2, start_step=1, start_layer=2)
    with pytest.raises(ValueError, match=message):
        DiffusionMaskEditor(masactrl, nn.Identity(), ADAM, ADAM, **wrong)


def test_writer_refuses_a_module_without_an_adapter() -> None:
    with pytest.raises(ValueError, match="leave the callback out"):
        AdapterWriter().setup(Trainer(logger=False), LightningModule(), "fit")
