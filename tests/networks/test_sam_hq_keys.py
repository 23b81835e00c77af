"""SAM-HQ's published weights in transformers' names, against facts of the official code."""

import hashlib

import pytest
import torch
from torch import Tensor
from transformers import SamHQConfig, SamHQMaskDecoderConfig, SamHQModel, SamHQVisionConfig

from networks.sam_hq_decoder import as_published
from networks.sam_hq_keys import sam_hq_sizes, to_transformers
from tests.networks.official import assert_recorded, filled, recorded

RECORDED = recorded("sam_hq")


def shapes(name: str) -> dict[str, list[int]]:
    """Names and shapes of an official state dict."""
    sizes = RECORDED["sizes"][name]
    width = {"C": sizes["width"], "3C": 3 * sizes["width"], "4C": 4 * sizes["width"]}
    found = {key: [width.get(n, n) for n in shape] for key, shape in RECORDED["rest"].items()}
    for layer in range(sizes["layers"]):
        reach = 127 if layer in sizes["whole"] else 27
        for key, shape in RECORDED["block"].items():
            own = [reach, sizes["head"]] if "rel_pos" in key else [width.get(n, n) for n in shape]
            found[f"image_encoder.blocks.{layer}.{key}"] = own
    return found


def model(state: dict[str, Tensor]) -> SamHQModel:
    sizes = sam_hq_sizes(to_transformers(state))._asdict()
    return SamHQModel(
        SamHQConfig(
            vision_config=SamHQVisionConfig(**sizes),
            mask_decoder_config=SamHQMaskDecoderConfig(vit_dim=sizes["hidden_size"]),
        )
    )


@pytest.mark.parametrize("name", ["b", "l", "h"])
def test_every_official_key_becomes_one_of_transformers_of_the_same_shape(name: str) -> None:
    official = shapes(name)
    lines = "\n".join(sorted(f"{key} {shape}" for key, shape in official.items()))
    assert hashlib.sha256(lines.encode()).hexdigest() == RECORDED["sizes"][name]["sha256"]
    with torch.device("meta"):
        state = {key: torch.empty(shape) for key, shape in official.items()}
        wanted = model(state).state_dict()
    found = to_transformers(state)
    assert {key: value.shape for key, value in found.items()} == {
        key: value.shape for key, value in wanted.items()
    }


def test_sizes_are_those_of_the_published_encoder() -> None:
    state = {key: torch.empty(shape, device="meta") for key, shape in shapes("h").items()}
    assert sam_hq_sizes(to_transformers(state)) == (1280, 32, 16, 1024, 14, [7, 15, 23, 31])


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (["mask_decoder.iou_token.weight"], "no published weights of SAM-HQ"),
        (["mask_decoder.hf_token.weight"], "small encoder of sam_hq_vit_tiny.pth"),
    ],
)
def test_other_weights_are_refused(keys: list[str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        to_transformers({key: torch.empty(1) for key in keys})


@pytest.mark.slow
def test_masks_are_those_of_the_official_code() -> None:
    state = {key: filled(key, torch.empty(shape)) for key, shape in shapes("b").items()}
    net = model(state).eval()
    net.load_state_dict(to_transformers(state))
    as_published(net)
    image = torch.randn(1, 3, 1024, 1024, generator=torch.Generator().manual_seed(0))
    box = torch.tensor([[[100.0, 150.0, 800.0, 900.0]]])
    with torch.no_grad():
        last, between = net.get_image_embeddings(image)
        for name, alone in (("hq_only_logits", True), ("sam_plus_hq_logits", False)):
            found = net(
                image_embeddings=last,
                intermediate_embeddings=between,
                input_boxes=box,
                multimask_output=False,
                hq_token_only=alone,
            )
            assert_recorded(found.pred_masks[0], RECORDED["outputs"][name])
    score = RECORDED["outputs"]["iou"]["samples"]  # one number, of which there are no moments
    assert found.iou_scores.flatten().tolist() == pytest.approx(score, rel=1e-4)
    assert_recorded(last, RECORDED["outputs"]["image_embedding"])
