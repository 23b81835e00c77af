"""A SAM-HQ of 64 px that a test can make and save."""

from pathlib import Path

from transformers import SamHQConfig, SamHQMaskDecoderConfig, SamHQModel, SamHQVisionConfig

SIZE = 64


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
