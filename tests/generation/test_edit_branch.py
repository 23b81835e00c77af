from pathlib import Path

import pytest
import torch
from diffusers import DiffusionPipeline
from torch import Tensor, nn

from datamodules.sample import MaskKind, Provenance, Sample
from generation.diffusion.controls import CannyCondition
from generation.diffusion.edit_branch import EditBranch, attention_projections, canny
from generation.diffusion.edit_branch_files import HINT, LORA, edit_branch_files, load_edit_branch
from generation.diffusion.latent_model import LatentModel
from generation.diffusion.loading import ModelNotFound
from generation.edits.masactrl import MasaCtrlEdit
from generation.prompts.templates import ShapePrompts
from tests.generation.tiny_latent_models import write_sd

STEPS = {"num_steps": 3, "start_step": 1, "start_layer": 2}
PROMPTS = ["a round table", "a low table"]


@pytest.fixture(scope="module")
def sd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sd(tmp_path_factory.mktemp("models") / "tiny-sd")


@pytest.fixture
def edit(sd: Path) -> MasaCtrlEdit:
    return MasaCtrlEdit(ShapePrompts(), str(sd), **STEPS)


def randomised(branch: EditBranch, scale: float = 0.2) -> EditBranch:
    """Give what begins at zero values, as if it were trained."""
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in branch.parameters():
            parameter += scale * torch.randn(parameter.shape, generator=noise)
    return branch


def squares() -> Tensor:
    masks = torch.zeros(2, 1, 32, 32)
    masks[0, :, 8:25, 6:20] = 1
    masks[1, :, 4:16, 9:30] = 1
    return masks


def unet_rows(model: LatentModel, count: int) -> tuple[Tensor, Tensor, Tensor]:
    noise = torch.Generator().manual_seed(0)
    latents = torch.randn(count, 4, 16, 16, generator=noise)
    return latents, torch.tensor(500), torch.randn(count, 7, 32, generator=noise)


@pytest.mark.slow
def test_untrained_branch_gives_the_pixels_of_the_model_alone(edit: MasaCtrlEdit) -> None:
    with torch.no_grad():
        before = edit.redraw(squares(), PROMPTS)
        edit.branch = EditBranch(edit.model, rank=2)
        assert torch.equal(edit.redraw(squares(), PROMPTS), before)
        randomised(edit.branch)
        assert not torch.allclose(edit.redraw(squares(), PROMPTS), before, atol=1e-3)


def test_rows_of_sources_are_computed_as_before(edit: MasaCtrlEdit) -> None:
    branch = randomised(EditBranch(edit.model, rank=2))
    inputs = unet_rows(edit.model, 4)
    with torch.no_grad():
        before = edit.model.unet(*inputs).sample
        with branch.applied(edit.model.unet, canny(squares()), first=2):
            found = edit.model.unet(*inputs).sample
        assert torch.equal(edit.model.unet(*inputs).sample, before)
    assert torch.equal(found[:2], before[:2])
    assert not torch.allclose(found[2:], before[2:], atol=1e-3)


@pytest.mark.slow
def test_lora_is_what_diffusers_and_peft_make_of_the_written_file(
    edit: MasaCtrlEdit, sd: Path, tmp_path: Path
) -> None:
    branch = randomised(EditBranch(edit.model, rank=3))
    nn.init.zeros_(branch.hint.add.weight)
    nn.init.zeros_(branch.hint.add.bias)
    for name, content in edit_branch_files(branch).items():
        (tmp_path / name).write_bytes(content)
    pipeline = DiffusionPipeline.from_pretrained(sd)
    pipeline.load_lora_weights(tmp_path, weight_name=LORA)
    inputs = unet_rows(edit.model, 2)
    with torch.no_grad():
        expected = pipeline.unet(*inputs).sample
        with branch.applied(edit.model.unet, canny(squares()), first=0):
            found = edit.model.unet(*inputs).sample
        plain = edit.model.unet(*inputs).sample
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(plain, expected, atol=1e-3)


def test_each_edit_is_shown_the_edges_of_its_own_source_in_both_halves_of_guidance(
    edit: MasaCtrlEdit,
) -> None:
    branch = randomised(EditBranch(edit.model, rank=1))
    seen: list[Tensor] = []
    # a hook of the first layer that is added later sees what the branch has made
    with torch.no_grad(), branch.applied(edit.model.unet, canny(squares()), first=2):
        handle = edit.model.unet.conv_in.register_forward_hook(lambda *x: seen.append(x[2]))
        latents, step, text = unet_rows(edit.model, 6)
        edit.model.unet(torch.zeros_like(latents), step, text)
        handle.remove()
        hint = branch.hint(canny(squares()))
    (features,) = seen
    added = features - features[:1]
    torch.testing.assert_close(added[2:], torch.cat([hint, hint]))
    assert not torch.allclose(hint[0], hint[1], atol=1e-3)


def test_edges_are_those_that_a_painter_is_shown() -> None:
    found = canny(squares())
    picture = CannyCondition().picture((squares()[1, 0] * 255).byte(), (32, 32))
    assert torch.equal(found[1], picture[:1])
    assert set(found.unique().tolist()) == {0.0, 1.0}


def test_network_is_left_as_it_was_after_an_error(edit: MasaCtrlEdit) -> None:
    branch = EditBranch(edit.model, rank=1)

    def fail() -> None:
        with branch.applied(edit.model.unet, canny(squares()), first=0):
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert not any(module._forward_hooks for module in edit.model.unet.modules())


def test_all_projections_of_all_attention_layers_learn(edit: MasaCtrlEdit) -> None:
    names = attention_projections(edit.model.unet)
    processors = edit.model.unet.attn_processors
    assert len(names) == 4 * len(processors)
    state = EditBranch(edit.model, rank=2).state_dict()
    assert {f"unet.{name}.lora_A.weight" for name in names} <= state.keys()


@pytest.mark.slow
def test_gradient_through_all_steps_is_the_slope_of_the_result(sd: Path) -> None:
    edit = MasaCtrlEdit(ShapePrompts(), str(sd), **{**STEPS, "num_steps": 2, "guidance": 2.0})
    edit.branch = branch = randomised(EditBranch(edit.model, rank=2), 0.1)

    def result(num_grad_steps: int) -> Tensor:
        return edit.redraw(squares(), PROMPTS, num_grad_steps=num_grad_steps)

    drawn = result(2)
    # brightness keeps its gradient where it is cut off, so here none may be
    assert drawn.min() > 0
    assert drawn.max() < 1
    drawn.square().sum().backward()
    lora = branch.unet.get_submodule(branch.layers[0]).lora_B
    # LoRA of one layer tells little, which rounding would hide at smaller steps
    for layer, size in ((branch.hint.add, 0.01), (lora, 0.16)):
        # along the gradient, where rounding counts least
        steepest = layer.weight.grad.norm()
        direction = layer.weight.grad / steepest
        sums = []
        with torch.no_grad():
            for step in (size, -size):
                layer.weight += step * direction
                sums.append(result(0).double().square().sum())
                layer.weight -= step * direction
        assert float(steepest) == pytest.approx(float(sums[0] - sums[1]) / (2 * size), rel=5e-3)


@pytest.mark.slow
def test_fewer_steps_with_a_gradient_give_the_same_pixels_and_another_gradient(
    edit: MasaCtrlEdit,
) -> None:
    edit.branch = branch = randomised(EditBranch(edit.model, rank=2), 0.1)
    found, slopes = [], []
    for count in (1, 3):
        branch.zero_grad()
        drawn = edit.redraw(squares(), PROMPTS, num_grad_steps=count)
        drawn.sum().backward()
        found.append(drawn.detach())
        slopes.append(branch.hint.add.weight.grad.clone())
    torch.testing.assert_close(found[0], found[1])
    assert not torch.allclose(slopes[0], slopes[1], rtol=1e-3)
    assert not any(p.requires_grad for p in edit.model.parameters())


def written(branch: EditBranch, folder: Path) -> Path:
    folder.mkdir()
    for name, content in edit_branch_files(branch).items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.slow
def test_loaded_adapter_edits_like_the_one_that_was_written(
    edit: MasaCtrlEdit, sd: Path, tmp_path: Path
) -> None:
    edit.branch = randomised(EditBranch(edit.model, rank=3, hint_width=5))
    folder = written(edit.branch, tmp_path / "adapter")
    loaded = MasaCtrlEdit(ShapePrompts(), str(sd), **STEPS, adapter=str(folder))
    with torch.no_grad():
        expected = edit.redraw(squares(), PROMPTS)
        assert torch.equal(loaded.redraw(squares(), PROMPTS), expected)
    mask = (squares()[0, 0] * 255).byte()
    draft = Sample(
        id="table",
        image=mask.expand(3, -1, -1).clone(),
        mask=mask,
        mask_kind=MaskKind.ALPHA,
        class_names=("Table",),
        provenance=Provenance(source="dis5k", licence="CC-BY-4.0"),
    )
    made = loaded.edit([draft], [0])[0]
    assert isinstance(made, Sample)
    model, adapter = made.provenance.models
    assert model.startswith("tiny-sd@sha256:")
    assert adapter.startswith("adapter@sha256:")


def test_same_branch_is_the_same_bytes(edit: MasaCtrlEdit) -> None:
    branch = EditBranch(edit.model)
    assert edit_branch_files(branch) == edit_branch_files(branch)


@pytest.mark.parametrize("file", [LORA, HINT])
def test_folder_without_a_file_is_told_with_its_name(
    edit: MasaCtrlEdit, tmp_path: Path, file: str
) -> None:
    folder = written(EditBranch(edit.model), tmp_path / "adapter")
    (folder / file).unlink()
    with pytest.raises(ModelNotFound, match=f"has no {file}"):
        load_edit_branch(str(folder), edit.model)


def test_broken_file_is_told_in_one_line(edit: MasaCtrlEdit, tmp_path: Path) -> None:
    folder = written(EditBranch(edit.model), tmp_path / "adapter")
    (folder / LORA).write_bytes(b"broken")
    with pytest.raises(ValueError, match="cannot be read"):
        load_edit_branch(str(folder), edit.model)


def test_adapter_of_another_model_is_refused(edit: MasaCtrlEdit, tmp_path: Path) -> None:
    branch = EditBranch(edit.model)
    layer = branch.layers[0]
    branch.unet.get_submodule(layer).lora_B = nn.Linear(8, 3, bias=False)
    folder = written(branch, tmp_path / "adapter")
    with pytest.raises(ValueError, match=f"does not fit model tiny-sd.*{layer}.lora_B"):
        load_edit_branch(str(folder), edit.model)


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"hint_width": 0}])
def test_branch_without_width_is_refused(edit: MasaCtrlEdit, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="give 1 or more"):
        EditBranch(edit.model, **wrong)
