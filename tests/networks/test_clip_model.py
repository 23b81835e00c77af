import json
from pathlib import Path

import pytest
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from safetensors.torch import save_file

from networks.clip_files import write_clip
from networks.clip_model import clip_model, small_clip
from networks.weights import WeightsError

VISION = {"layers": 1, "width": 32, "head_width": 32, "patch_size": 8, "image_size": 16}
TEXT = {"context_length": 8, "vocab_size": 49408, "width": 32, "heads": 1, "layers": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository as the hub has it."""
    config = {"model_cfg": {"embed_dim": 32, "vision_cfg": VISION, "text_cfg": TEXT}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    return tmp_path


def test_a_folder_brings_architecture_and_weights(folder: Path) -> None:
    clip = small_clip(
        width=32, num_layers=1, patch_size=8, image_size=16, dim=32, text_layers=1, context_length=8
    )
    save_file(clip.state_dict(), folder / "open_clip_model.safetensors")
    loaded = clip_model(str(folder))
    assert torch.equal(loaded.visual.proj, clip.visual.proj)
    assert torch.equal(loaded.text_projection, clip.text_projection)


def test_what_was_written_loads_for_images_of_another_size(tmp_path: Path) -> None:
    clip = small_clip(width=32, num_layers=1, patch_size=8, image_size=16, dim=32, text_layers=1)
    write_clip(clip, tmp_path)
    loaded = clip_model(str(tmp_path), image_size=40)
    assert loaded.visual.grid_size == (5, 5)
    assert torch.equal(loaded.visual.proj, clip.visual.proj.half().float())


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be built"):
        clip_model(str(folder))


def test_a_text_encoder_of_another_tokenizer_is_refused(tmp_path: Path) -> None:
    text = TEXT | {"vocab_size": 64}
    config = {"model_cfg": {"embed_dim": 32, "vision_cfg": VISION, "text_cfg": text}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    clip = CLIP(32, CLIPVisionCfg(**VISION), CLIPTextCfg(**text))
    save_file(clip.state_dict(), tmp_path / "open_clip_model.safetensors")
    with pytest.raises(ValueError, match=r"knows 64 tokens, CLIP's tokenizer writes 49,408"):
        clip_model(str(tmp_path))


def test_a_folder_and_other_weights_are_refused(folder: Path) -> None:
    with pytest.raises(WeightsError, match="brings its own weights: leave openai away"):
        clip_model(str(folder), "openai")


@pytest.mark.parametrize(
    ("model", "weights"), [("ViT-B-17", None), ("ViT-B-32", "nobody"), ("ViT-B-32", "/no/file.pt")]
)
def test_what_nobody_has_is_named(model: str, weights: str | None) -> None:
    with pytest.raises(WeightsError, match=f"CLIP {model} with weights {weights} cannot be built"):
        clip_model(model, weights)


def test_small_clip_needs_widths_that_its_heads_divide() -> None:
    with pytest.raises(ValueError, match="width 33 and dim 128 must be multiples of 32"):
        small_clip(width=33)
