from pathlib import Path

import pytest
import torch
from torch import Tensor

from datamodules.generation_result import Rejected
from datamodules.sample import MaskKind, Provenance, Sample
from generation.diffusion.attention import rows_of_sources
from generation.diffusion.latent_model import LatentModel
from generation.edits.masactrl import MasaCtrlEdit
from generation.prompts.templates import SHAPED, SHAPES, TemplatePrompts
from tests.generation.tiny_latent_models import write_sd, write_sdxl

PROMPTS = TemplatePrompts(SHAPED, SHAPES)


@pytest.fixture(scope="module")
def sd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sd(tmp_path_factory.mktemp("models") / "tiny-sd")


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sdxl(tmp_path_factory.mktemp("models") / "tiny-sdxl")


@pytest.fixture(scope="module")
def edit(sd: Path) -> MasaCtrlEdit:
    return MasaCtrlEdit(
        PROMPTS, str(sd), num_steps=3, start_step=1, start_layer=2, licence="CC0-1.0"
    )


def draft(number: int = 0, size: tuple[int, int] = (40, 33)) -> Sample:
    mask = torch.zeros(size, dtype=torch.uint8)
    mask[8 + 2 * number : 30, 6:25] = 255
    return Sample(
        id=f"table-{number}",
        image=mask.expand(3, -1, -1).clone(),
        mask=mask,
        mask_kind=MaskKind.ALPHA,
        class_names=("Table",),
        provenance=Provenance(source="dis5k", licence="CC-BY-4.0"),
        weight=torch.full(size, 255, dtype=torch.uint8),
    )


def squares(num: int) -> Tensor:
    return torch.stack([draft(k, (32, 32)).mask[None].float() / 255 for k in range(num)])


def test_edit_names_prompt_parameters_parent_and_model(edit: MasaCtrlEdit) -> None:
    source = draft()
    made = edit.edit([source], [5])[0]
    assert isinstance(made, Sample)
    assert made.id == source.id
    assert made.mask.shape == source.mask.shape
    assert not torch.equal(made.mask, source.mask)
    assert made.weight is None
    origin = made.provenance
    assert origin.parents == (source.id,)
    assert origin.licence == "CC-BY-4.0 AND CC0-1.0"
    assert origin.source == "masactrl"
    assert origin.edits[0].startswith(
        f"masactrl({PROMPTS('Table', 5)!r},32,3,7.5,step 1,layer 2 of 7"
    )
    assert origin.models[0].startswith("tiny-sd@sha256:")


@pytest.mark.parametrize("guidance", [1.0, 7.5])
def test_batch_is_what_each_sample_is_alone(sd: Path, guidance: float) -> None:
    edit = MasaCtrlEdit(
        PROMPTS, str(sd), num_steps=3, start_step=1, start_layer=2, guidance=guidance
    )
    prompts = ["a round table", "a square table"]
    with torch.no_grad():
        together = edit.redraw(squares(2), prompts)
        alone = [edit.redraw(squares(2)[k : k + 1], prompts[k : k + 1]) for k in range(2)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-5, atol=1e-5)


def test_redrawing_is_the_published_loop_of_four_rows(edit: MasaCtrlEdit) -> None:
    # source and target, each with and without its prompt, in one batch, written out for one sample
    model, levels = edit.model, edit.schedule
    text = model.text(["", "a round table"], (32, 32))
    alphas = levels.alphas.tolist()
    with torch.no_grad():
        x = model.encode(squares(1) * 2 - 1)
        for step in (2, 1, 0):
            eps = model.unet(x, levels.timesteps[step], text.tokens[:1]).sample
            clean = (x - (1 - alphas[step + 1]) ** 0.5 * eps) / alphas[step + 1] ** 0.5
            x = alphas[step] ** 0.5 * clean + (1 - alphas[step]) ** 0.5 * eps
        pair, tokens = torch.cat([x, x]), text.tokens[[0, 0, 0, 1]]
        layers = dict(model.unet.named_modules())
        for step in (0, 1, 2):
            hooks = [_read_from_source(layers[name]) for name in edit.layers] if step >= 1 else []
            eps = model.unet(torch.cat([pair, pair]), levels.timesteps[step], tokens).sample
            for hook in hooks:
                hook.remove()
            bare, prompted = eps.chunk(2)
            eps = bare + 7.5 * (prompted - bare)
            clean = (pair - (1 - alphas[step]) ** 0.5 * eps) / alphas[step] ** 0.5
            pair = alphas[step + 1] ** 0.5 * clean + (1 - alphas[step + 1]) ** 0.5 * eps
        image = model.vae.decode(pair[1:] / 0.18215).sample.mean(1, keepdim=True)
        found = edit.redraw(squares(1), ["a round table"])
    torch.testing.assert_close(found, (image / 2 + 0.5).clamp(0, 1), rtol=1e-4, atol=1e-4)


def _read_from_source(layer: torch.nn.Module) -> torch.utils.hooks.RemovableHandle:
    def read(_: torch.nn.Module, inputs: tuple[Tensor], __: Tensor) -> Tensor:
        x = inputs[0]  # [source, target] without prompts, then with them
        q, k, v = layer.to_q(x), layer.to_k(x[[0, 0, 2, 2]]), layer.to_v(x[[0, 0, 2, 2]])
        q, k, v = (each.unflatten(2, (layer.heads, -1)) for each in (q, k, v))
        weights = torch.einsum("bihd,bjhd->bhij", q, k) / q.shape[-1] ** 0.5
        mixed = torch.einsum("bhij,bjhd->bihd", weights.softmax(-1), v).flatten(2)
        return layer.to_out[0](mixed)

    return layer.register_forward_hook(read)


def test_prompt_and_attention_change_the_result(sd: Path, edit: MasaCtrlEdit) -> None:
    plain = MasaCtrlEdit(PROMPTS, str(sd), num_steps=3, start_step=3, start_layer=2)
    with torch.no_grad():
        results = [
            edit.redraw(squares(1), ["a round table"]),
            edit.redraw(squares(1), ["a low stool"]),
            plain.redraw(squares(1), ["a round table"]),
        ]
    assert not torch.allclose(results[0], results[1], atol=1e-3)
    assert not torch.allclose(results[0], results[2], atol=1e-3)


def test_network_is_left_as_it_was(edit: MasaCtrlEdit) -> None:
    before = dict(edit.model.unet.attn_processors)
    edit.edit([draft()], [0])
    assert edit.model.unet.attn_processors == before


def test_empty_mask_is_rejected_and_the_others_are_edited(edit: MasaCtrlEdit) -> None:
    empty = draft(9, (40, 33))
    empty.mask.zero_()
    found = edit.edit([draft(), empty, draft(1)], [0, 1, 2])
    assert found[1] == Rejected("table-9", "masactrl", "the mask to edit is empty")
    assert [each.id for each in found] == ["table-0", "table-9", "table-1"]
    assert edit.edit([empty], [0]) == [found[1]]


def test_mask_of_labels_is_refused(edit: MasaCtrlEdit) -> None:
    source = draft()
    labels = Sample(
        id="x",
        image=source.image,
        mask=source.mask,
        mask_kind=MaskKind.LABELS,
        class_names=("background", "table"),
        provenance=source.provenance,
    )
    with pytest.raises(ValueError, match="edits want alpha"):
        edit.edit([labels], [0])


def test_sdxl_is_told_size_and_pooled_prompt_and_nothing_by_an_empty_prompt(sdxl: Path) -> None:
    edit = MasaCtrlEdit(PROMPTS, str(sdxl), num_steps=2, start_step=1, start_layer=0.5)
    text = edit.model.text(["", "a round table"], (32, 32))
    assert text.added["time_ids"].tolist() == [[32, 32, 0, 0, 32, 32]] * 2
    assert not text.tokens[0].any()
    assert not text.added["text_embeds"][0].any()
    assert text.tokens[1].any()
    assert isinstance(edit.edit([draft()], [0])[0], Sample | Rejected)
    with torch.no_grad():
        together = edit.redraw(squares(2), ["a round table", "a low table"])
        alone = edit.redraw(squares(2)[1:], ["a low table"])
    torch.testing.assert_close(together[1:], alone, rtol=1e-5, atol=1e-5)


def test_model_reads_the_autoencoder_without_drawing(sd: Path) -> None:
    model = LatentModel.load(str(sd))
    images = squares(2) * 2 - 1
    with torch.no_grad():
        expected = model.vae.encode(images.repeat(1, 3, 1, 1)).latent_dist.mean * 0.18215
        torch.testing.assert_close(model.encode(images), expected)
    assert (model.size, model.shrink) == (32, 2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 33}, "multiple of 2"),
        ({"guidance": 0.5}, "give 1 or more"),
        ({"start_step": 51}, "give 0 to 50"),
        ({"start_layer": 10}, "leaves none of the 7"),
        ({"num_refinements": -1}, "give 0 or more"),
        ({"threshold": 0.0}, r"within \(0, 1\)"),
        ({"num_steps": 0}, "give 1 to 1000"),
    ],
)
def test_number_out_of_range_is_refused(sd: Path, wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MasaCtrlEdit(PROMPTS, str(sd), **{"start_layer": 2, **wrong})


def test_each_target_reads_its_own_source() -> None:
    assert rows_of_sources(3, 1, torch.device("cpu")).tolist() == [0, 1, 2, 0, 1, 2]
