"""A CLIP as the folder that open_clip loads."""

import json
from pathlib import Path

import torch
from open_clip.constants import HF_CONFIG_NAME, HF_SAFE_WEIGHTS_NAME
from open_clip.model import CLIP
from open_clip.transformer import VisionTransformer
from safetensors.torch import save_file

_POSITIONS = "visual.positional_embedding"


def write_clip(clip: CLIP, folder: Path) -> None:
    """Write configuration and weights of one that `networks.clip_model.small_clip` has built.

    The weights are written in half precision: three quarters of a small CLIP are the vectors of
    words that it never met. The image encoder's positions are not: open_clip resizes them for other
    images, which torch cannot do in half precision on a CPU.

    Args:
        clip: Stays as it is.
        folder: Of both files; made where missing.

    Raises:
        OSError: If it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": _config_of(clip)}
    (folder / HF_CONFIG_NAME).write_text(json.dumps(config, indent=1), encoding="utf-8")
    tensors = {
        key: value.detach().to("cpu", torch.float16).contiguous()
        for key, value in clip.state_dict().items()
    }
    tensors[_POSITIONS] = clip.state_dict()[_POSITIONS].detach().to("cpu", torch.float32)
    save_file(tensors, folder / HF_SAFE_WEIGHTS_NAME)


def _config_of(clip: CLIP) -> dict[str, object]:
    visual = clip.visual
    assert isinstance(visual, VisionTransformer)
    width = len(visual.class_embedding)
    text = clip.transformer
    return {
        "embed_dim": visual.output_dim,
        "vision_cfg": {
            "layers": len(visual.transformer.resblocks),
            "width": width,
            "head_width": width // visual.transformer.resblocks[0].attn.num_heads,
            "patch_size": visual.patch_size[0],
            "image_size": visual.image_size[0],
        },
        "text_cfg": {
            "context_length": clip.context_length,
            "vocab_size": clip.vocab_size,
            "width": text.width,
            "heads": text.resblocks[0].attn.num_heads,
            "layers": len(text.resblocks),
        },
    }
