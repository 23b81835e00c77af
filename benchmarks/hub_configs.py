"""The sizes of published diffusion models, as their ``config.json`` on the hub has them.

What is not written here is the default of diffusers and transformers. Sources:
``stable-diffusion-v1-5/stable-diffusion-v1-5``, ``stabilityai/stable-diffusion-xl-base-1.0``,
``stabilityai/stable-diffusion-3-medium-diffusers`` (here without its T5, which is optional) and
``kxic/zero123-xl``; their ControlNets have the base's own sizes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Config = Mapping[str, object]

_NOISE: Config = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


@dataclass(frozen=True, kw_only=True)
class Base:
    """A text-to-image model with the ControlNets made for it."""

    pipeline: str
    """Class of diffusers."""
    net: Config
    """Of its U-Net or, if it has ``num_layers``, of its transformer."""
    vae: Config
    texts: tuple[Config, ...]
    """Of its text encoders, all of CLIP's kind."""
    scheduler: tuple[str, Config]
    """Class of diffusers and settings."""
    side: int
    """Of its pictures in pixels."""
    index: Config = field(default_factory=dict)
    """What ``model_index.json`` says beside the parts."""
    hint: tuple[int, ...] = (16, 32, 96, 256)
    """Channels of a ControlNet's embedding of its picture."""
    teraflops: float = 0.0
    """Of a picture in one step with two ControlNets and guidance; 0 where not counted."""


_VAE: Config = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
}
_CLIP_L: Config = {
    "vocab_size": 49408,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "projection_dim": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}
_CLIP_BIG_G: Config = {
    "vocab_size": 49408,
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "projection_dim": 1280,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "hidden_act": "gelu",
}
_UNET_SD15: Config = {
    "sample_size": 64,
    "block_out_channels": (320, 640, 1280, 1280),
    "down_block_types": (*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
    "up_block_types": ("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}

SD15 = Base(
    pipeline="StableDiffusionPipeline",
    net=_UNET_SD15,
    vae={**_VAE, "sample_size": 512},
    texts=(_CLIP_L,),
    scheduler=(
        "PNDMScheduler",
        {**_NOISE, "skip_prk_steps": True, "steps_offset": 1, "set_alpha_to_one": False},
    ),
    side=512,
    index={
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
    },
    teraflops=2 * (0.803 + 2 * 0.283),
)

SDXL = Base(
    pipeline="StableDiffusionXLPipeline",
    net={
        "sample_size": 128,
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),
        "cross_attention_dim": 2048,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
    vae={**_VAE, "sample_size": 1024, "scaling_factor": 0.13025, "force_upcast": True},
    texts=(_CLIP_L, _CLIP_BIG_G),
    scheduler=(
        "EulerDiscreteScheduler",
        {**_NOISE, "steps_offset": 1, "timestep_spacing": "leading"},
    ),
    side=1024,
    index={"force_zeros_for_empty_prompt": True},
    teraflops=2 * (6.761 + 2 * 3.020),
)

SD3 = Base(
    pipeline="StableDiffusion3Pipeline",
    net={
        "sample_size": 128,
        "patch_size": 2,
        "in_channels": 16,
        "out_channels": 16,
        "num_layers": 24,
        "attention_head_dim": 64,
        "num_attention_heads": 24,
        "joint_attention_dim": 4096,
        "caption_projection_dim": 1536,
        "pooled_projection_dim": 2048,
        "pos_embed_max_size": 192,
    },
    vae={
        **_VAE,
        "sample_size": 1024,
        "latent_channels": 16,
        "scaling_factor": 1.5305,
        "shift_factor": 0.0609,
        "use_quant_conv": False,
        "use_post_quant_conv": False,
    },
    texts=(_CLIP_L, _CLIP_BIG_G),
    scheduler=("FlowMatchEulerDiscreteScheduler", {"shift": 3.0}),
    side=1024,
    index={"text_encoder_3": [None, None], "tokenizer_3": [None, None]},
)

TINY = Base(
    pipeline="StableDiffusionPipeline",
    net={
        "sample_size": 32,
        "block_out_channels": (32, 64),
        "down_block_types": ("CrossAttnDownBlock2D",) * 2,
        "up_block_types": ("CrossAttnUpBlock2D",) * 2,
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "cross_attention_dim": 32,
        "attention_head_dim": 4,
    },
    vae={
        "block_out_channels": (16, 32),
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "norm_num_groups": 8,
        "sample_size": 64,
    },
    texts=(
        {
            "vocab_size": 96,
            "hidden_size": 32,
            "intermediate_size": 64,
            "projection_dim": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
        },
    ),
    scheduler=SD15.scheduler,
    side=64,
    index=SD15.index,
    hint=(8, 16),
)
"""Not published: what the tests and a CPU can run."""

BASES: Mapping[str, Base] = {"sd15": SD15, "sdxl": SDXL, "sd3": SD3, "tiny": TINY}

ZERO123_UNET: Config = {**_UNET_SD15, "sample_size": 32, "in_channels": 8}
ZERO123_VAE: Config = {**_VAE, "sample_size": 256}
ZERO123_VISION: Config = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "projection_dim": 768,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "patch_size": 14,
    "image_size": 224,
}
ZERO123_SCHEDULER: Config = {
    **_NOISE,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}
