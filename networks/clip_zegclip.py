"""Weights that ZegCLIP's published code saved, in the names of ours.

Zhou et al., "ZegCLIP", CVPR 2023 (code MIT); MagicSeg's code saves the same keys.
"""

import re
from collections.abc import Mapping
from math import log
from typing import NamedTuple

import torch
from torch import Tensor

_DECODER = "decode_head.decoder_1.layers."
_PREFIXES = {
    "backbone.prompt_proj.": "prompts.proj.",
    "backbone.prompt_norm.": "prompts.norm.",
    "backbone.": "clip.visual.",
    "text_encoder.": "clip.",
    "decode_head.q_proj.": "decoder.descriptor.",
}
_LAYER = {
    "multihead_attn.q": "query",
    "multihead_attn.k": "key",
    "multihead_attn.v": "value",
    "multihead_attn.proj": "out",
    "linear1": "expand",
    "linear2": "contract",
    "norm2": "norm_1",
    "norm3": "norm_2",
}
_PROMPTS = ("backbone.prompt_embeddings", "backbone.deep_prompt_embeddings")
_DEAD = re.compile(
    r"decode_head\.(decoder_1\.layers\.\d+\.(self_attn|norm1)\."
    r"|loss_decode\.criterion\.empty_weight$)"
)
_LOGIT_SCALE = log(100)  # CLIP's training holds it at this bound, and ZegCLIP does not store it

NETWORK = (
    "networks.clip_seg.ClipSeg with double_class_embedding: true, ImageNet's mean and std, and a "
    "CLIP of the image_size of the training (512 as published)"
)
"""What builds the network of such weights; mean and std nobody can tell from them."""


def is_zegclip(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict has keys of ZegCLIP's prompts or decoder, be they whole or not."""
    return any(key in _PROMPTS or key.startswith(_DECODER) for key in state)


class FromZegCLIP(NamedTuple):
    """Weights in our names."""

    state: dict[str, Tensor]
    """Whole for a `networks.clip_seg.ClipSeg` of the same sizes."""
    unused: tuple[str, ...]
    """Keys that reach no result: attention between names, the last layer but for its mask."""


def from_zegclip(state_dict: Mapping[str, Tensor]) -> FromZegCLIP:
    """Return the weights as a ClipSeg has them; its argument ``weights`` reads such a file itself.

    The network needs ``double_class_embedding`` and a CLIP whose ``image_size`` is that of the
    training, 512 as published; its mean and std are those of ImageNet.

    Args:
        state_dict: What the published code saves under ``state_dict``.

    Raises:
        ValueError: If a key is none of that code, or the decoder or prompts are missing.
    """
    found = [re.match(re.escape(_DECODER) + r"(\d+)\.", key) for key in state_dict]
    layers = {int(match[1]) for match in found if match}
    missing = [key for key in _PROMPTS if key not in state_dict]
    if not layers or missing:
        raise ValueError(
            f"these {len(state_dict)} keys are not ZegCLIP's: {missing or _DECODER + '0'} is "
            "missing; give what its checkpoint holds under state_dict"
        )
    state = {"clip.logit_scale": torch.tensor(_LOGIT_SCALE)}
    # ours are contiguous, which safetensors asks for
    state["prompts.tokens"] = torch.cat([state_dict[key] for key in _PROMPTS])
    unused = []
    for key, value in state_dict.items():
        if key in _PROMPTS:
            continue
        name = None if _DEAD.match(key) else _renamed(key, max(layers))
        if name is None:
            unused.append(key)
        else:
            state[name] = value
    return FromZegCLIP(state, tuple(unused))


def _renamed(key: str, last: int) -> str | None:
    """Return our name of a key, or None for what the last layer computes beside its mask."""
    if key.startswith(_DECODER):
        number, _, rest = key.removeprefix(_DECODER).partition(".")
        part, _, parameter = rest.rpartition(".")
        if part in _LAYER:
            if int(number) < last:
                return f"decoder.layers.{number}.{_LAYER[part]}.{parameter}"
            is_mask = part in ("multihead_attn.q", "multihead_attn.k")
            return f"decoder.{_LAYER[part]}.{parameter}" if is_mask else None
    for prefix, ours in _PREFIXES.items():
        if key.startswith(prefix):
            return ours + key.removeprefix(prefix)
    raise ValueError(f"{key!r} is no key of ZegCLIP's: give what its checkpoint holds")
