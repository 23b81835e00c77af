"""A LoRA merged into a base beside its closed form, and files that are none for it."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from generation.diffusion.controlled_loading import Adapter, load_controlled
from generation.diffusion.loading import ModelNotFound
from tests.generation.tiny_pipelines import save_sd15

LAYER = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
SIDE = 64


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_sd15(tmp_path_factory.mktemp("models"))


def write(
    folder: Path, layer: str, *, part: str = "unet", side: int = SIDE
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    down, up = (torch.randn(size, generator=generator) for size in ((2, side), (side, 2)))
    pair = {"lora_A.weight": down, "lora_B.weight": up}
    folder.mkdir(exist_ok=True)
    save_file({f"{part}.{layer}.{name}": x for name, x in pair.items()}, folder / "few.safetensors")
    return down, up


def test_what_a_lora_adds_is_in_the_weights_and_in_the_record(base: Path, tmp_path: Path) -> None:
    down, up = write(tmp_path / "lora", LAYER)
    adapter = Adapter(model=str(tmp_path / "lora"), file="few.safetensors", weight=0.5)
    merged, plain = load_controlled(str(base), [], adapter=adapter), load_controlled(str(base), [])
    weights = [dict(net.denoiser.unet.named_parameters()) for net in (merged, plain)]
    assert weights[0].keys() == weights[1].keys()
    change = {name: x - weights[1][name] for name, x in weights[0].items()}
    torch.testing.assert_close(change.pop(f"{LAYER}.weight"), 0.5 * up @ down, atol=1e-5, rtol=0)
    assert not any(x.any() for x in change.values())
    name = merged.names[1]
    assert name.startswith("lora/few.safetensors@sha256:")
    write(tmp_path / "lora", LAYER.replace("to_q", "to_k"))
    assert load_controlled(str(base), [], adapter=adapter).names[1] != name


@pytest.mark.parametrize(
    ("layer", "part", "side"),
    [(LAYER, "unet", 32), ("nowhere.to_q", "unet", SIDE), (LAYER, "transformer", SIDE)],
)
def test_lora_of_another_base_is_refused_in_one_line(
    base: Path, tmp_path: Path, layer: str, part: str, side: int
) -> None:
    write(tmp_path / "lora", layer, part=part, side=side)
    adapter = Adapter(model=str(tmp_path / "lora"), file="few.safetensors")
    with pytest.raises(ValueError, match=r"adapter lora/few.* StableDiffusionPipeline.*LoRA") as e:
        load_controlled(str(base), [], adapter=adapter)
    assert "\n" not in str(e.value)


def test_file_that_is_not_there_is_named(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"has no few\.safetensors"):
        load_controlled(str(base), [], adapter=Adapter(model=str(tmp_path), file="few.safetensors"))
