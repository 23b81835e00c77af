"""Tiny random models of diffusers, written as the hub has them."""

import json
import string
from pathlib import Path

import diffusers
import torch
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

WIDTHS = (16, 32)
SD_NOISE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "set_alpha_to_one": False,
    "steps_offset": 1,
}


def tiny_vae() -> nn.Module:
    """Halves the size; 4 channels."""
    return diffusers.AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=4,
        scaling_factor=0.18215,
    )


def tiny_unet(**arguments: object) -> nn.Module:
    """Seven layers of self-attention, at two resolutions."""
    return diffusers.UNet2DConditionModel(
        **{
            "sample_size": 16,
            "block_out_channels": WIDTHS,
            "down_block_types": ["CrossAttnDownBlock2D"] * 2,
            "up_block_types": ["CrossAttnUpBlock2D"] * 2,
            "layers_per_block": 1,
            "cross_attention_dim": 32,
            "attention_head_dim": 2,
            "norm_num_groups": 8,
            **arguments,
        }
    )


def write_tokenizer(folder: Path) -> CLIPTokenizer:
    """A tokenizer of CLIP's kind that knows letters."""
    folder.mkdir(parents=True)
    letters = [*string.ascii_lowercase, *(f"{letter}</w>" for letter in string.ascii_lowercase)]
    words = [*letters, "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: k for k, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77
    )


def text_config(**arguments: object) -> CLIPTextConfig:
    return CLIPTextConfig(
        **{
            "vocab_size": 64,
            "hidden_size": 32,
            "intermediate_size": 37,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "projection_dim": 32,
            "bos_token_id": 52,
            "eos_token_id": 53,
            "pad_token_id": 53,
            **arguments,
        }
    )


def write_sd(folder: Path) -> Path:
    """A pipeline of the SD 1.5 kind, for images of 32 px."""
    torch.manual_seed(0)
    diffusers.StableDiffusionPipeline(
        vae=tiny_vae(),
        text_encoder=CLIPTextModel(text_config()),
        tokenizer=write_tokenizer(folder.parent / f"{folder.name}_words"),
        unet=tiny_unet(),
        scheduler=diffusers.PNDMScheduler(**SD_NOISE, skip_prk_steps=True),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def write_sdxl(folder: Path) -> Path:
    """A pipeline of the SDXL kind, for images of 32 px."""
    torch.manual_seed(0)
    words = write_tokenizer(folder.parent / f"{folder.name}_words")
    diffusers.StableDiffusionXLPipeline(
        vae=tiny_vae(),
        text_encoder=CLIPTextModel(text_config()),
        text_encoder_2=CLIPTextModelWithProjection(text_config()),
        tokenizer=words,
        tokenizer_2=words,
        unet=tiny_unet(
            cross_attention_dim=64,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=32 + 6 * 8,
            transformer_layers_per_block=(1, 2),
        ),
        scheduler=diffusers.EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
    ).save_pretrained(folder)
    return folder
