"""Tiny random detectors and segmenters, written as the hub has them."""

import string
from pathlib import Path

import torch
from transformers import (
    BertConfig,
    BertTokenizer,
    CLIPTextConfig,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessor,
    PreTrainedModel,
    Sam2Config,
    Sam2HieraDetConfig,
    Sam2ImageProcessor,
    Sam2MaskDecoderConfig,
    Sam2Model,
    Sam2PromptEncoderConfig,
    Sam2VisionConfig,
    SamConfig,
    SamHQConfig,
    SamHQMaskDecoderConfig,
    SamHQModel,
    SamHQPromptEncoderConfig,
    SamHQVisionConfig,
    SamImageProcessor,
    SamMaskDecoderConfig,
    SamModel,
    SamPromptEncoderConfig,
    SamVisionConfig,
    SwinConfig,
)
from transformers.models.sam3.configuration_sam3 import (
    Sam3Config,
    Sam3DETRDecoderConfig,
    Sam3DETREncoderConfig,
    Sam3GeometryEncoderConfig,
    Sam3MaskDecoderConfig,
    Sam3VisionConfig,
    Sam3ViTConfig,
)
from transformers.models.sam3.image_processing_sam3 import Sam3ImageProcessor
from transformers.models.sam3.modeling_sam3 import Sam3Model

from tests.generation.tiny_latent_models import write_tokenizer

MAX_TOKENS = 16
"""Of a text of the detector."""
SIDE = 32
"""In pixels that segmenters see."""


def write_grounding_dino(folder: Path) -> Path:
    """Grounding DINO with a tokenizer of word pieces: letters, and some words whole."""
    torch.manual_seed(0)
    vision = SwinConfig(
        image_size=SIDE,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 2, 2],
        window_size=2,
        out_indices=[2, 3, 4],
    )
    words = BertConfig(
        vocab_size=1100,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    net = GroundingDinoForObjectDetection(
        GroundingDinoConfig(
            backbone_config=vision,
            text_config=words,
            d_model=32,
            num_queries=12,
            encoder_layers=1,
            decoder_layers=2,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=16,
            decoder_ffn_dim=16,
            max_text_len=MAX_TOKENS,
        )
    )
    _lively(net).save_pretrained(folder)
    bert_tokenizer(folder.parent / f"{folder.name}_words").save_pretrained(folder)
    GroundingDinoImageProcessor(
        size={"shortest_edge": 3 * SIDE, "longest_edge": 6 * SIDE}
    ).save_pretrained(folder)
    return folder


def bert_tokenizer(folder: Path) -> BertTokenizer:
    """Word pieces with the numbers that Grounding DINO knows by heart."""
    folder.mkdir(parents=True)
    fixed = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]"}
    fixed |= {1012: ".", 1029: "?", 1010: ","}
    known = iter(
        ["melon", "garden", "chair", "zu", "##cc", "##hini", *string.ascii_lowercase]
        + [f"##{letter}" for letter in string.ascii_lowercase]
    )
    lines = [fixed.get(k) or next(known, f"[unused{k}]") for k in range(1100)]
    path = folder / "vocab.txt"
    path.write_text("\n".join(lines))
    return BertTokenizer(str(path))


def write_sam(folder: Path) -> Path:
    """SAM for 32 px."""
    torch.manual_seed(0)
    vision = SamVisionConfig(**_vit())
    prompts = SamPromptEncoderConfig(**_prompts(), image_embedding_size=SIDE // 8)
    decoder = SamMaskDecoderConfig(**_decoder())
    config = SamConfig(
        vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder
    )
    return _segmenter(SamModel(config), folder)


def write_sam_hq(folder: Path) -> Path:
    """SAM-HQ for 32 px."""
    torch.manual_seed(0)
    config = SamHQConfig(
        vision_config=SamHQVisionConfig(**_vit()),
        prompt_encoder_config=SamHQPromptEncoderConfig(**_prompts()),
        mask_decoder_config=SamHQMaskDecoderConfig(**_decoder(), vit_dim=16),
    )
    return _segmenter(SamHQModel(config), folder)


def write_sam2(folder: Path) -> Path:
    """SAM 2 for 32 px."""
    torch.manual_seed(0)
    hiera = Sam2HieraDetConfig(
        hidden_size=8,
        num_attention_heads=1,
        image_size=[SIDE, SIDE],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 1, 2, 2],
        window_size_per_stage=[2, 2, 2, 2],
        global_attention_blocks=[3],
        window_positional_embedding_background_size=[2, 2],
    )
    config = Sam2Config(
        vision_config=Sam2VisionConfig(
            backbone_config=hiera,
            backbone_channel_list=[64, 32, 16, 8],
            backbone_feature_sizes=[[8, 8], [4, 4], [2, 2]],
            fpn_hidden_size=16,
        ),
        prompt_encoder_config=Sam2PromptEncoderConfig(
            hidden_size=16, image_size=SIDE, patch_size=16, mask_input_channels=4
        ),
        mask_decoder_config=Sam2MaskDecoderConfig(**_decoder()),
    )
    _lively(Sam2Model(config)).save_pretrained(folder)
    Sam2ImageProcessor(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder


def write_sam3(folder: Path) -> Path:
    """SAM 3 for 28 px with a tokenizer of letters."""
    torch.manual_seed(0)
    side, narrow = 28, {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 32}
    vit = Sam3ViTConfig(
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=side,
        pretrain_image_size=side,
        patch_size=7,
        window_size=2,
        global_attn_indexes=[1],
    )
    config = Sam3Config(
        vision_config=Sam3VisionConfig(
            backbone_config=vit,
            fpn_hidden_size=32,
            backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
        ),
        text_config=CLIPTextConfig(
            vocab_size=64,
            hidden_size=32,
            intermediate_size=37,
            num_hidden_layers=2,
            num_attention_heads=4,
            projection_dim=32,
            max_position_embeddings=32,
            bos_token_id=52,
            eos_token_id=53,
            pad_token_id=53,
        ),
        geometry_encoder_config=Sam3GeometryEncoderConfig(**narrow, num_layers=1),
        detr_encoder_config=Sam3DETREncoderConfig(**narrow, num_layers=1),
        detr_decoder_config=Sam3DETRDecoderConfig(**narrow, num_layers=1, num_queries=6),
        mask_decoder_config=Sam3MaskDecoderConfig(
            hidden_size=32, num_attention_heads=2, num_upsampling_stages=2
        ),
    )
    _lively(Sam3Model(config)).save_pretrained(folder)
    write_tokenizer(folder.parent / f"{folder.name}_words").save_pretrained(folder)
    Sam3ImageProcessor(size={"height": side, "width": side}).save_pretrained(folder)
    return folder


def _vit() -> dict[str, object]:
    return {
        "hidden_size": 16,
        "output_channels": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": 8,
        "window_size": 2,
        "global_attn_indexes": [1],
        "num_pos_feats": 8,
        "mlp_dim": 16,
        "initializer_range": 0.02,
    }


def _prompts() -> dict[str, int]:
    return {"hidden_size": 16, "image_size": SIDE, "patch_size": 8, "mask_input_channels": 4}


def _decoder() -> dict[str, int]:
    return {
        "hidden_size": 16,
        "mlp_dim": 16,
        "num_attention_heads": 2,
        "iou_head_hidden_dim": 16,
        "num_hidden_layers": 2,
    }


def _segmenter(net: PreTrainedModel, folder: Path) -> Path:
    _lively(net).save_pretrained(folder)
    SamImageProcessor(
        size={"longest_edge": SIDE},
        pad_size={"height": SIDE, "width": SIDE},
        mask_size={"longest_edge": SIDE // 2},
        mask_pad_size={"height": SIDE // 2, "width": SIDE // 2},
    ).save_pretrained(folder)
    return folder


def _lively(net: PreTrainedModel) -> PreTrainedModel:
    """Give weights the scale of their inputs: as they begin, results hardly differ."""
    for weight in net.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=weight[0].numel() ** -0.5)
    return net.eval()
