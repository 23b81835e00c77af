"""Tiny, randomly initialised diffusion models, saved in the hub's own layout."""

import json
import string
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    ControlNetUnionModel,
    FlowMatchEulerDiscreteScheduler,
    ModelMixin,
    PNDMScheduler,
    SD3ControlNetModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

BLOCKS = (32, 64)
"""Channels of the networks; an autoencoder of two levels halves the sides once."""


def save_sd15(folder: Path) -> Path:
    """Save a Stable Diffusion 1.5 and ControlNets ``canny``, ``seg`` beside it; return the base."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(**_unet(32))
    text = CLIPTextModel(_text_config(32)).eval()
    StableDiffusionPipeline(
        vae=_vae(4),
        text_encoder=text,
        tokenizer=_tokenizer(folder),
        unet=unet,
        scheduler=PNDMScheduler(**_noise(), skip_prk_steps=True, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder / "sd15")
    for name in ("canny", "seg"):
        _save_control(ControlNetModel.from_unet(unet, **_hint()), folder / f"sd15-{name}")
    return folder / "sd15"


def save_sdxl(folder: Path) -> Path:
    """Save an SDXL with ControlNets ``canny``, ``seg`` and ``union`` beside it; return the base."""
    torch.manual_seed(1)
    unet = UNet2DConditionModel(
        **_unet(64),
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 32,
        transformer_layers_per_block=(1, 2),
        use_linear_projection=True,
    )
    tokenizer = _tokenizer(folder)
    StableDiffusionXLPipeline(
        vae=_vae(4),
        text_encoder=CLIPTextModel(_text_config(32)).eval(),
        text_encoder_2=CLIPTextModelWithProjection(_text_config(32)).eval(),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet,
        scheduler=PNDMScheduler(**_noise(), skip_prk_steps=True, steps_offset=1),
        add_watermarker=False,
    ).save_pretrained(folder / "sdxl")
    for name in ("canny", "seg"):
        _save_control(ControlNetModel.from_unet(unet, **_hint()), folder / f"sdxl-{name}")
    union = ControlNetUnionModel.from_unet(unet, **_hint())
    config = {**union.config, "num_trans_channel": 32, "num_proj_channel": 32}
    del config["_use_default_values"]  # it would win over the two
    _save_control(ControlNetUnionModel.from_config(config), folder / "sdxl-union")
    return folder / "sdxl"


def save_sd3(folder: Path) -> Path:
    """Save a Stable Diffusion 3 without T5 and ControlNets ``canny``, ``seg`` beside it."""
    torch.manual_seed(2)
    transformer = SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=64,
        pooled_projection_dim=64,
        out_channels=4,
        pos_embed_max_size=32,
    )
    tokenizer = _tokenizer(folder)
    StableDiffusion3Pipeline(
        vae=_vae(4, shift_factor=0.1),
        text_encoder=CLIPTextModelWithProjection(_text_config(32)).eval(),
        text_encoder_2=CLIPTextModelWithProjection(_text_config(32)).eval(),
        text_encoder_3=None,
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        tokenizer_3=None,
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    ).save_pretrained(folder / "sd3")
    for name in ("canny", "seg"):
        net = SD3ControlNetModel.from_transformer(
            transformer, num_layers=1, num_extra_conditioning_channels=0
        )
        _save_control(net, folder / f"sd3-{name}")
    return folder / "sd3"


def _save_control(net: ModelMixin, folder: Path) -> None:
    """Save a ControlNet whose output layers, zero as they begin, have an effect."""
    for name, parameter in net.named_parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1 if name.endswith("weight") else 0.01)
    net.eval().save_pretrained(folder)


def _unet(tokens: int) -> dict[str, object]:
    return {
        "sample_size": 16,
        "block_out_channels": BLOCKS,
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "cross_attention_dim": tokens,
        "attention_head_dim": 4,
        "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    }


def _hint() -> dict[str, tuple[int, ...]]:
    return {"conditioning_embedding_out_channels": (8, 16)}


def _vae(channels: int, **options: float) -> AutoencoderKL:
    vae = AutoencoderKL(
        block_out_channels=BLOCKS,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels,
        norm_num_groups=8,
        sample_size=32,
        **options,
    ).eval()
    # a variance of nearly 0, so that diffusers' own pipelines, which draw, can be compared with
    half = vae.quant_conv.bias.shape[0] // 2
    torch.nn.init.constant_(vae.quant_conv.bias[half:], -30.0)
    torch.nn.init.zeros_(vae.quant_conv.weight[half:])
    return vae


def _noise() -> dict[str, float | str]:
    return {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def _text_config(width: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(_vocabulary()),
        hidden_size=width,
        intermediate_size=37,
        projection_dim=width,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=77,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )


def _vocabulary() -> dict[str, int]:
    letters = [*string.ascii_lowercase, *string.digits, *",."]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{each}</w>" for each in letters)]
    return {word: number for number, word in enumerate(words)}


def _tokenizer(folder: Path) -> CLIPTokenizer:
    """Return a tokenizer of single letters."""
    source = folder / "tokenizer"
    source.mkdir(parents=True, exist_ok=True)
    (source / "vocab.json").write_text(json.dumps(_vocabulary()))
    (source / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(source, model_max_length=77)
