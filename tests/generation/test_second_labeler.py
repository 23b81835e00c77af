from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, CLIPSegForImageSegmentation

from generation.filters.mask_agreement import Judged
from generation.filters.second_labeler import SCORE, SecondLabeler
from generation.filters.text_segmenter import TextSegmenter
from networks.adapter import ImageInput
from tests.datamodules.generation_toys import toy_sample
from tests.generation.test_filters import Red, pair, square
from tests.generation.tiny_clip import SIDE, write_clipseg


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clipseg(tmp_path_factory.mktemp("clipseg") / "clipseg")


def test_overlap_is_kept_under_a_name_of_its_own_and_alone_decides() -> None:
    judge = SecondLabeler(ImageInput(Red(), (0.0, 0.0, 0.0)), size=64, min_iou=0.5)
    # 30 x 30 with a hole of 10 x 10, drawn without it: 800 / 900
    judgement = judge.judge(pair(square(), square(hole=True)))
    assert judgement.rejection is None
    assert judgement.scores == {SCORE: pytest.approx(800 / 900)}


def test_disagreement_is_a_reason_under_the_filters_name() -> None:
    judge = SecondLabeler(ImageInput(Red(), (0.0, 0.0, 0.0)), size=64, min_iou=0.5)
    rejection = judge(pair(square(shift=15), square()))
    assert rejection is not None
    assert (rejection.filter, rejection.reason) == ("SecondLabeler", "IoU 0.333 is below 0.5")


def test_segmenter_of_words_draws_what_transformers_own_model_draws(folder: Path) -> None:
    image = torch.rand(2, 3, SIDE, SIDE)
    batch = Judged(image, image[:, :1], (("GardenChair",), ("fan", "other")))
    found = TextSegmenter(str(folder))(batch).logits[0]
    net = CLIPSegForImageSegmentation.from_pretrained(folder)
    words = AutoTokenizer.from_pretrained(folder)(
        ["garden chair", "fan"], return_tensors="pt", padding=True
    )
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
    with torch.no_grad():
        wanted = net(pixel_values=(image - mean) / std, **words).logits
    assert found.shape == (2, 1, SIDE, SIDE)
    torch.testing.assert_close(found[:, 0], wanted, rtol=1e-4, atol=1e-4)


def test_segmenter_of_words_judges_a_pair_of_any_size(folder: Path) -> None:
    judge = SecondLabeler(TextSegmenter(str(folder)), size=48, min_iou=0)
    judgement = judge.judge(replace(toy_sample(size=(7, 90)), class_names=("chair",)))
    assert judgement.rejection is None
    assert 0 <= judgement.scores[SCORE] <= 1
