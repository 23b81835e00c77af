"""What is trained here is loaded like a model of the hub."""

import logging
from pathlib import Path

import pytest
import torch
from diffusers import DiffusionPipeline

from datamodules.sample import MaskKind, Provenance, Sample
from generation.diffusion.controls import CannyCondition, Control, MaskCondition
from generation.diffusion.latent_model import LatentModel
from generation.diffusion.loading import load_pipeline, pipeline_files
from generation.edits.masactrl import MasaCtrlEdit
from generation.painters.controlnet_painter import ControlNetPainter, Sampling
from generation.prompts.templates import ShapePrompts, TemplatePrompts
from lightningmodules.diffusion import Diffusion
from tests.lightningmodules.tiny_diffusion_models import bars, tiny_diffusion

pytestmark = pytest.mark.filterwarnings("ignore:Attribute '.*' is an instance of `nn.Module`")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    image().save_pipeline(folder / "tiny_image")
    tiny_diffusion("mask").save_pipeline(folder / "tiny_mask")
    return folder


def image() -> Diffusion:
    return tiny_diffusion("image", ("canny", "mask"))


def draft(height: int = 16, width: int = 16) -> Sample:
    mask = torch.zeros(height, width, dtype=torch.uint8)
    mask[2:-2, 4:9] = 255
    return Sample(
        id="one",
        image=torch.zeros(3, height, width, dtype=torch.uint8),
        mask=mask,
        mask_kind=MaskKind.ALPHA,
        class_names=("Gate",),
        provenance=Provenance(source="test"),
    )


def test_files_are_of_sixteen_bits_and_loaded_in_thirty_two(models: Path) -> None:
    weights = models / "tiny_image" / "unet" / "diffusion_pytorch_model.safetensors"
    count = sum(p.numel() for p in image().net.unet.parameters())
    assert weights.stat().st_size < 2 * count + 40_000
    pipeline = load_pipeline(pipeline_files(str(models / "tiny_image")))
    parts = (pipeline.unet, pipeline.text_encoder, pipeline.vae)
    assert {part.dtype for part in parts} == {torch.float32}


def test_loading_says_nothing(models: Path, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("diffusers")
    logger.addHandler(caplog.handler)
    try:
        load_pipeline(pipeline_files(str(models / "tiny_image")))
    finally:
        logger.removeHandler(caplog.handler)
    assert caplog.messages == []


def test_diffusers_itself_loads_and_runs_the_pipeline(models: Path) -> None:
    pipeline = DiffusionPipeline.from_pretrained(models / "tiny_image", dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    found = pipeline("a round table", num_inference_steps=2, output_type="np").images
    assert found.shape == (1, 16, 16, 3)


def test_loaded_model_predicts_what_the_trained_one_does(models: Path) -> None:
    trained = tiny_diffusion("mask").eval()
    model = LatentModel.load(str(models / "tiny_mask"))
    assert (model.size, model.shrink) == (16, 2)
    batch = bars(1)
    latents = model.encode(batch.mask * 2 - 1)
    assert torch.equal(latents, trained.net.encode(batch.mask * 2 - 1))
    text = model.text(["a round gate"], (16, 16))
    tokens = trained.tokenizer(
        ["a round gate"], padding="max_length", max_length=8, return_tensors="pt"
    ).input_ids
    with torch.no_grad():
        expected = trained.net(latents, torch.tensor([40]), tokens)
        found = model.unet(latents, 40, encoder_hidden_states=text.tokens).sample
    # weights lost half of their bits
    torch.testing.assert_close(found, expected, atol=5e-3, rtol=5e-3)


def test_painter_paints_with_it(models: Path) -> None:
    folder = models / "tiny_image"
    painter = ControlNetPainter(
        model=str(folder),
        controls=[
            Control(model=str(folder / "controlnet_canny"), condition=CannyCondition()),
            Control(model=str(folder / "controlnet_mask"), condition=MaskCondition()),
        ],
        prompts=TemplatePrompts(),
        size=16,
        sampling=Sampling(steps=2, guidance=2.0),
        refinement=None,
    )
    (painted,) = painter.paint([draft(20, 28)], [0])
    assert painted.image.shape == (3, 20, 28)
    assert painted.provenance.models[0].startswith("tiny_image@sha256:")


def test_edit_redraws_with_it(models: Path) -> None:
    edit = MasaCtrlEdit(
        ShapePrompts(), str(models / "tiny_mask"), num_steps=2, start_step=1, start_layer=1
    )
    (edited,) = edit.edit([draft(20, 28)], [0])
    assert isinstance(edited, Sample)
    assert edited.mask.shape == (20, 28)
