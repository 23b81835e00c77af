"""Tiny random models of images and words, written as the hub has them."""

from pathlib import Path

import torch
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPSegConfig,
    CLIPSegForImageSegmentation,
)

from tests.generation.tiny_latent_models import text_config, write_tokenizer

SIDE = 32
VISION = {
    "hidden_size": 32,
    "intermediate_size": 37,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "image_size": SIDE,
    "patch_size": 8,
    "projection_dim": 32,
}


def write_clip(folder: Path) -> Path:
    """CLIP for 32 px."""
    torch.manual_seed(0)
    words = text_config().to_dict()
    config = CLIPConfig(text_config=words, vision_config=VISION, projection_dim=32)
    return _write(folder, CLIPModel(config))


def write_clipseg(folder: Path) -> Path:
    """CLIPSeg for 32 px."""
    torch.manual_seed(0)
    names = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers")
    tokens = ("bos_token_id", "eos_token_id", "pad_token_id", "num_attention_heads")
    known = text_config().to_dict()
    config = CLIPSegConfig(
        text_config={name: known[name] for name in (*names, *tokens)},
        vision_config=VISION,
        projection_dim=32,
        extract_layers=[0, 1],
        reduce_dim=16,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=32,
        conditional_layer=0,
    )
    return _write(folder, CLIPSegForImageSegmentation(config))


def _write(folder: Path, net: torch.nn.Module) -> Path:
    net.eval().save_pretrained(folder)  # type: ignore[operator]
    write_tokenizer(folder.parent / f"{folder.name}_words").save_pretrained(folder)
    CLIPImageProcessor(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
    ).save_pretrained(folder)
    return folder
