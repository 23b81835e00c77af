"""Weights that SAM-HQ's published code saved, in the names and sizes that transformers has.

Ke et al., "Segment Anything in High Quality", NeurIPS 2023 (code and weights Apache-2.0).
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

_RENAMED = (
    (r"^image_encoder\.patch_embed\.proj\.", "vision_encoder.patch_embed.projection."),
    (r"^image_encoder\.neck\.0\.", "vision_encoder.neck.conv1."),
    (r"^image_encoder\.neck\.1\.", "vision_encoder.neck.layer_norm1."),
    (r"^image_encoder\.neck\.2\.", "vision_encoder.neck.conv2."),
    (r"^image_encoder\.neck\.3\.", "vision_encoder.neck.layer_norm2."),
    (r"^image_encoder\.blocks\.(\d+)\.norm([12])\.", r"vision_encoder.layers.\1.layer_norm\2."),
    (r"^image_encoder\.blocks\.", "vision_encoder.layers."),
    (r"^image_encoder\.pos_embed$", "vision_encoder.pos_embed"),
    (
        r"^prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix$",
        "prompt_encoder.shared_embedding.positional_embedding",
    ),
    (r"^prompt_encoder\.point_embeddings\.", "prompt_encoder.point_embed."),
    (r"^prompt_encoder\.mask_downscaling\.0\.", "prompt_encoder.mask_embed.conv1."),
    (r"^prompt_encoder\.mask_downscaling\.1\.", "prompt_encoder.mask_embed.layer_norm1."),
    (r"^prompt_encoder\.mask_downscaling\.3\.", "prompt_encoder.mask_embed.conv2."),
    (r"^prompt_encoder\.mask_downscaling\.4\.", "prompt_encoder.mask_embed.layer_norm2."),
    (r"^prompt_encoder\.mask_downscaling\.6\.", "prompt_encoder.mask_embed.conv3."),
    (
        r"^mask_decoder\.transformer\.layers\.(\d+)\.norm(\d)\.",
        r"mask_decoder.transformer.layers.\1.layer_norm\2.",
    ),
    (
        r"^mask_decoder\.transformer\.norm_final_attn\.",
        "mask_decoder.transformer.layer_norm_final_attn.",
    ),
    (r"^mask_decoder\.output_upscaling\.0\.", "mask_decoder.upscale_conv1."),
    (r"^mask_decoder\.output_upscaling\.1\.", "mask_decoder.upscale_layer_norm."),
    (r"^mask_decoder\.output_upscaling\.3\.", "mask_decoder.upscale_conv2."),
    (r"^mask_decoder\.compress_vit_feat\.0\.", "mask_decoder.compress_vit_conv1."),
    (r"^mask_decoder\.compress_vit_feat\.1\.", "mask_decoder.compress_vit_norm."),
    (r"^mask_decoder\.compress_vit_feat\.3\.", "mask_decoder.compress_vit_conv2."),
    (r"^mask_decoder\.embedding_encoder\.0\.", "mask_decoder.encoder_conv1."),
    (r"^mask_decoder\.embedding_encoder\.1\.", "mask_decoder.encoder_norm."),
    (r"^mask_decoder\.embedding_encoder\.3\.", "mask_decoder.encoder_conv2."),
    (r"^mask_decoder\.embedding_maskfeature\.0\.", "mask_decoder.mask_conv1."),
    (r"^mask_decoder\.embedding_maskfeature\.1\.", "mask_decoder.mask_norm."),
    (r"^mask_decoder\.embedding_maskfeature\.3\.", "mask_decoder.mask_conv2."),
    (r"^mask_decoder\.hf_token\.", "mask_decoder.hq_token."),
    (r"^mask_decoder\.hf_mlp\.", "mask_decoder.hq_mask_mlp."),
)
# the three linear layers of a perceptron, below any of the names above
_PERCEPTRON = re.compile(
    r"^(mask_decoder\.(?:output_hypernetworks_mlps\.\d+|iou_prediction_head|hq_mask_mlp))"
    r"\.layers\.([012])\."
)
_PLACES = {"0": "proj_in.", "1": "layers.0.", "2": "proj_out."}
_PATCH = 16
_OWN = "mask_decoder.hq_token.weight"
"""A name that transformers' model has and the published code has not."""


class SamHQSizes(NamedTuple):
    """What a ``SamHQVisionConfig`` has to be told; the rest of it are its defaults."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    image_size: int
    window_size: int
    global_attn_indexes: list[int]
    """Layers that see the whole image."""


def to_transformers(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the whole state of a ``transformers.SamHQModel`` of the sizes of `sam_hq_sizes`.

    Args:
        state_dict: What the published files hold (``sam_hq_vit_{b,l,h}.pth``), or such a model's
            own state, which is returned as it is.

    Raises:
        ValueError: If it is none of SAM-HQ with a plain ViT.
    """
    if _OWN in state_dict:
        return dict(state_dict)
    _require_sam_hq(state_dict)
    found = {_renamed(key): value for key, value in state_dict.items()}
    shared = "prompt_encoder.shared_embedding.positional_embedding"
    # stored once by the published code; transformers lists both places of one tensor
    return {**found, "shared_image_embedding.positional_embedding": found[shared]}


def sam_hq_sizes(state_dict: Mapping[str, Tensor]) -> SamHQSizes:
    """Return the sizes of the image encoder.

    Args:
        state_dict: That of `to_transformers`.
    """
    _, side, _, hidden_size = state_dict["vision_encoder.pos_embed"].shape
    # of a window or image of n patches, 2 n - 1 distances along a side
    reach = {
        int(match[1]): tuple(value.shape)
        for key, value in state_dict.items()
        if (match := re.fullmatch(r"vision_encoder\.layers\.(\d+)\.attn\.rel_pos_h", key))
    }
    whole = 2 * side - 1
    window = min(length for length, _ in reach.values())
    return SamHQSizes(
        hidden_size=hidden_size,
        num_hidden_layers=len(reach),
        num_attention_heads=hidden_size // next(iter(reach.values()))[1],
        image_size=side * _PATCH,
        window_size=(window + 1) // 2,
        global_attn_indexes=[layer for layer in sorted(reach) if reach[layer][0] == whole],
    )


def _renamed(key: str) -> str:
    for old, new in _RENAMED:
        key, found = re.subn(old, new, key)
        if found:
            break
    return _PERCEPTRON.sub(lambda match: f"{match[1]}.{_PLACES[match[2]]}", key)


def _require_sam_hq(state_dict: Mapping[str, Tensor]) -> None:
    if "mask_decoder.hf_token.weight" not in state_dict:
        raise ValueError(
            "no key mask_decoder.hf_token.weight: these are no published weights of SAM-HQ; give "
            "sam_hq_vit_b.pth, sam_hq_vit_l.pth or sam_hq_vit_h.pth"
        )
    if "image_encoder.pos_embed" not in state_dict:
        raise ValueError(
            "no key image_encoder.pos_embed: the small encoder of sam_hq_vit_tiny.pth is not in "
            "transformers; give sam_hq_vit_b.pth, sam_hq_vit_l.pth or sam_hq_vit_h.pth"
        )
