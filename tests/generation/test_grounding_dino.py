from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torchvision.ops import box_convert
from transformers import (
    AutoTokenizer,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessor,
)

from datamodules.vocabulary import SHIPPED, read_vocabulary
from generation.diffusion.loading import ModelNotFound
from generation.labelers.detector import Detections
from generation.labelers.grounding_dino import GroundingDino, class_scores
from generation.labelers.phrases import NO_CLASS, captions, phrase, phrases
from tests.generation.tiny_labelers import MAX_TOKENS, write_grounding_dino, write_sam

NAMES = ["Melon", "zucchini", "GardenChair", "bus (vehicle)", "st. bernard"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_grounding_dino(tmp_path_factory.mktemp("dino") / "dino")


def noise(*sizes: tuple[int, int]) -> list[Tensor]:
    random = torch.Generator().manual_seed(0)
    return [torch.randint(0, 256, (3, *s), dtype=torch.uint8, generator=random) for s in sizes]


def same(found: Detections, wanted: Detections) -> None:
    assert torch.equal(found.classes, wanted.classes)
    torch.testing.assert_close(found.scores, wanted.scores, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found.boxes, wanted.boxes, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(found.best, wanted.best, rtol=1e-5, atol=1e-5)


def test_tokens_and_their_owners_are_those_of_the_tokenizers_offsets(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    (found,) = captions(NAMES, tokenizer, max_tokens=256)
    phrases = [phrase(name) for name in NAMES]
    text = ". ".join(phrases) + "."
    wanted = tokenizer(text, return_offsets_mapping=True)
    assert list(found.tokens) == wanted.input_ids
    starts = [text.index(each) for each in phrases]
    for owner, (begin, end) in zip(found.owners, wanted.offset_mapping, strict=True):
        inside = [
            place
            for place, (start, each) in enumerate(zip(starts, phrases, strict=True))
            if start <= begin < end <= start + len(each)
        ]
        assert [owner] == (inside or [NO_CLASS])


def test_all_classes_of_lvis_are_asked_for_differently() -> None:
    texts = phrases(read_vocabulary(SHIPPED / "lvis.txt").names)
    assert len(set(texts)) == 1203
    assert {"bow weapon", "bow decorative ribbons", "fish", "fish food", "bus"} <= set(texts)


def test_two_classes_of_one_word_have_tokens_of_their_own(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    names = ["melon (garden)", "melon (chair)"]
    (found,) = captions(names, tokenizer, max_tokens=256)
    words = [
        tokenizer.decode([t for t, o in zip(found.tokens, found.owners, strict=True) if o == k])
        for k in range(2)
    ]
    assert words == ["melon garden", "melon chair"]
    (alone,) = captions(names[:1], tokenizer, max_tokens=256)
    assert tokenizer.decode(alone.tokens, skip_special_tokens=True) == "melon."


def test_two_classes_that_are_asked_for_alike_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"'st. a' and 'st a' are both asked for as 'st a'"):
        GroundingDino(str(folder)).check(["st. a", "melon", "st a"])


@pytest.mark.parametrize("room", [6, 9, 16, 40])
def test_names_beyond_the_room_go_to_further_texts_each_once(folder: Path, room: int) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    names = ["melon", "zucchini", "garden chair", "melon chair", "a b c"]
    texts = captions(names, tokenizer, max_tokens=room)
    assert all(len(text.tokens) == len(text.owners) <= room for text in texts)
    owners = [sorted(set(text.owners) - {NO_CLASS}) for text in texts]
    assert [place for each in owners for place in each] == list(range(len(names)))
    words = " ".join(tokenizer.decode(text.tokens, skip_special_tokens=True) for text in texts)
    assert words.replace(" .", ".") == " ".join(f"{name}." for name in names)


def test_names_that_cannot_be_asked_for_are_told(folder: Path) -> None:
    detector = GroundingDino(str(folder))
    detector.check(NAMES)
    with pytest.raises(ValueError, match=r"'\u6905' has a word that the detector's tokenizer"):
        detector.check(["melon", "\u6905"])
    with pytest.raises(ValueError, match="is 20 tokens long, the detector reads 13"):
        detector.check(["a" * 20])
    with pytest.raises(ValueError, match="has no word in it"):
        detector.check(["_"])


def test_class_is_scored_by_the_best_of_its_own_tokens() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 7)
    logits[..., 5:] = float("-inf")
    owners = torch.tensor([[-1, 0, 0, -1, 2], [-1, 1, -1, 2, 2]])
    found = class_scores(logits, owners, 3)
    for row in range(2):
        for kind in range(3):
            own = logits[row, :, :5][:, owners[row] == kind].sigmoid()
            wanted = own.amax(1) if own.numel() else torch.zeros(3)
            torch.testing.assert_close(found[row, :, kind], wanted)


def test_boxes_and_scores_are_those_of_transformers_own_parts(folder: Path) -> None:
    (image,) = noise((24, 40))
    names = ["melon", "garden chair"]
    detector = GroundingDino(str(folder), box_threshold=0.5, text_threshold=1e-6, max_iou=1.0)
    (found,) = detector.detect([image], [names])
    words = AutoTokenizer.from_pretrained(folder)("melon. garden chair.", return_tensors="pt")
    pixels = GroundingDinoImageProcessor.from_pretrained(folder)(image, return_tensors="pt")
    with torch.no_grad():
        result = GroundingDinoForObjectDetection.from_pretrained(folder)(**pixels, **words)
    likely = result.logits[0].sigmoid()
    # [CLS] melon . garden chair . [SEP]
    scores = torch.stack([likely[:, 1], likely[:, 3:5].amax(1)], 1)
    boxes = box_convert(result.pred_boxes[0], "cxcywh", "xyxy") * torch.tensor([40, 24, 40, 24])
    torch.testing.assert_close(found.best, scores.amax(0))
    for box, score, kind in zip(found.boxes, found.scores, found.classes, strict=True):
        place = (scores[:, kind - 1] - score).abs().argmin()
        assert scores[place, kind - 1] == pytest.approx(float(score), abs=1e-6)
        wanted = boxes[place].clamp(min=0).minimum(torch.tensor([40, 24, 40, 24]))
        torch.testing.assert_close(box, wanted, rtol=1e-4, atol=1e-4)


def test_batch_of_several_sizes_and_texts_equals_one_by_one(folder: Path) -> None:
    detector = GroundingDino(str(folder), box_threshold=0.5, text_threshold=0.2, max_iou=0.7)
    images = noise((24, 40), (40, 31), (24, 40), (24, 40))
    names: list[Sequence[str]] = [
        ["melon"],
        ["zucchini", "melon"],
        ["garden chair", "melon", "a b c d", "e f g h", "zucchini"],
        ["chair"],
    ]
    assert len(detector.captions(names[2])) > 1
    together = detector.detect(images, names)
    assert any(len(each.boxes) for each in together)
    for found, image, own in zip(together, images, names, strict=True):
        assert found.best.shape == (len(own),)
        same(found, detector.detect([image], [own])[0])


def test_tokens_of_the_text_encoder_are_never_too_many(folder: Path) -> None:
    detector = GroundingDino(str(folder))
    names = [f"{name} {letter}" for letter in "abcde" for name in NAMES]
    assert max(len(each.tokens) for each in detector.captions(names)) <= MAX_TOKENS


def test_wrong_models_and_thresholds_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="there is no folder"):
        GroundingDino(str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match=r"text_threshold 0.4 and box_threshold 0.3"):
        GroundingDino(str(folder), text_threshold=0.4)
    with pytest.raises(ValueError, match="SamConfig"):
        GroundingDino(str(write_sam(tmp_path / "sam")))
    (folder / "model.safetensors").rename(folder / "other")
    with pytest.raises(ModelNotFound, match="no whole model"):
        GroundingDino(str(folder))
    (folder / "other").rename(folder / "model.safetensors")
