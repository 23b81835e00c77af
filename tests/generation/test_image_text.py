from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from transformers import AutoTokenizer, CLIPImageProcessor, CLIPModel

from datamodules.sample import Sample
from generation.diffusion.loading import ModelNotFound
from generation.filters.image_text import SCORE, ImageTextScore
from generation.prompts.templates import PUBLISHED, TemplatePrompts
from tests.datamodules.generation_toys import toy_sample
from tests.generation.tiny_clip import SIDE, write_clip, write_clipseg


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip")


def pair(prompt: str = "a photo of a toy", size: tuple[int, int] = (SIDE, SIDE)) -> Sample:
    return replace(toy_sample(size=size), prompt=prompt)


def test_score_is_the_cosine_that_transformers_own_parts_give(clip: Path) -> None:
    sample = pair()
    net, words = CLIPModel.from_pretrained(clip), AutoTokenizer.from_pretrained(clip)
    with torch.no_grad():
        found = net(
            **words([sample.prompt], return_tensors="pt"),
            **CLIPImageProcessor.from_pretrained(clip)(sample.image, return_tensors="pt"),
        )
    wanted = F.cosine_similarity(found.image_embeds, found.text_embeds).item()
    judgement = ImageTextScore(str(clip), min_cosine=-1).judge(sample)
    assert judgement.rejection is None
    assert judgement.scores[SCORE] == pytest.approx(wanted, abs=1e-5)


def test_weights_in_16_bits_are_read_in_32(tmp_path: Path) -> None:
    folder = write_clip(tmp_path / "clip")
    CLIPModel.from_pretrained(folder).half().save_pretrained(folder)
    judge = ImageTextScore(str(folder), min_cosine=-1)
    assert {x.dtype for x in judge.net.parameters()} == {torch.float32}
    assert SCORE in judge.judge(pair()).scores


def test_whole_image_of_any_shape_is_seen(clip: Path) -> None:
    judge = ImageTextScore(str(clip), min_cosine=-1)
    sample = pair(size=(9, 70))
    border = sample.image.clone()
    border[:, :, :5] = 255
    one, other = (judge.judge(replace(sample, image=x)).scores for x in (sample.image, border))
    assert one != other


def test_pair_below_the_limit_is_rejected_with_both_numbers(clip: Path) -> None:
    rejection = ImageTextScore(str(clip), min_cosine=1.0)(pair())
    assert rejection is not None
    assert rejection.filter == "ImageTextScore"
    assert rejection.reason.endswith("of image and text is below 1")


def test_text_is_cut_where_the_model_cannot_read_on(clip: Path) -> None:
    judge = ImageTextScore(str(clip), min_cosine=-1)
    long = judge.judge(pair("a photo of a toy " * 60)).scores
    longer = judge.judge(pair("a photo of a toy " * 90)).scores
    assert long == longer


def test_prompts_of_the_filter_take_the_place_of_the_pairs(clip: Path) -> None:
    asked = ImageTextScore(str(clip), min_cosine=-1, prompts=TemplatePrompts(PUBLISHED))
    own = ImageTextScore(str(clip), min_cosine=-1)
    assert asked.judge(pair("")).scores == own.judge(pair("A photo of toy")).scores
    with pytest.raises(ValueError, match="has no prompt"):
        own.judge(pair(""))


def test_network_is_frozen_and_can_be_moved(clip: Path) -> None:
    net = ImageTextScore(str(clip)).net
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())


def test_model_that_cannot_be_had_or_has_no_embeddings_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelNotFound, match="model 'nobody/clip'"):
        ImageTextScore("nobody/clip")
    segmenter = write_clipseg(tmp_path / "seg")
    with pytest.raises(ValueError, match="min_cosine is 2"):
        ImageTextScore(str(segmenter), min_cosine=2)
    (tmp_path / "seg" / "model.safetensors").unlink()
    with pytest.raises(ModelNotFound, match="no whole model"):
        ImageTextScore(str(segmenter))
