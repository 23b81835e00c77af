"""A SAM-HQ of 64 px that a test can make and save."""

from pathlib import Path

import torch
from transformers import SamHQConfig, SamHQMaskDecoderConfig, SamHQModel, SamHQVisionConfig

from tests.networks.official import filled, recorded

SIZE = 64
_WIDTHS = {"C": 16, "3C": 48, "4C": 64}
_DISTANCES = (3, 7)
"""Along a side, of each block: of a window of two patches, and of the whole image of four."""


def tiny_sam_hq() -> SamHQModel:
    vision = SamHQVisionConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIZE,
        window_size=2,
        global_attn_indexes=[1],
    )
    decoder = SamHQMaskDecoderConfig(vit_dim=16)
    config = SamHQConfig(vision_config=vision, mask_decoder_config=decoder)
    config.prompt_encoder_config.image_size = SIZE
    config.prompt_encoder_config.image_embedding_size = SIZE // 16
    return SamHQModel(config)


def save_tiny_sam_hq(folder: Path) -> Path:
    tiny_sam_hq().save_pretrained(folder)
    return folder


def save_official_layout(path: Path) -> Path:
    """Save the same sizes under the recorded names of the published code."""
    torch.save({key: filled(key, torch.empty(n)) for key, n in official_shapes().items()}, path)
    return path


def official_shapes() -> dict[str, list[int]]:
    facts = recorded("sam_hq")
    found = {key: [_WIDTHS.get(n, n) for n in shape] for key, shape in facts["rest"].items()}
    found["image_encoder.pos_embed"] = [1, SIZE // 16, SIZE // 16, 16]
    for block, distances in enumerate(_DISTANCES):
        for key, shape in facts["block"].items():
            own = [distances, 8] if "rel_pos" in key else [_WIDTHS.get(n, n) for n in shape]
            found[f"image_encoder.blocks.{block}.{key}"] = own
    return found
