import cv2
import numpy as np
import pytest

from generation.objects import CLASSES
from generation.prompts.captions import Captions, PhotoCaptions, ShapeCaptions
from generation.prompts.seen_words import colour_words, shape_words
from generation.prompts.templates import SHAPES, SLOTS
from networks.tiny_diffusion_words import UNKNOWN, word_tokenizer

GREY = np.full((64, 64, 3), 128, np.uint8)


def box(height: int, width: int) -> np.ndarray:
    mask = np.zeros((64, 64), np.uint8)
    mask[32 - height // 2 : 32 + (height + 1) // 2, 32 - width // 2 : 32 + (width + 1) // 2] = 255
    return mask


def disc(radii: tuple[int, int]) -> np.ndarray:
    return cv2.ellipse(np.zeros((64, 64), np.uint8), (32, 32), radii, 0, 0, 360, 255, -1)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (disc((20, 20)), {"round", "sturdy", "small"}),
        (disc((29, 18)), {"oval", "wide", "sturdy", "large"}),
        (box(50, 50), {"square", "angular", "sturdy"}),
        (box(60, 20), {"angular", "tall", "narrow", "sturdy", "large"}),
        (box(20, 50), {"angular", "wide", "low", "long", "sturdy"}),
        (box(1, 1), {"square", "angular", "sturdy", "small"}),
        (box(64, 64), {"square", "angular", "sturdy", "large"}),
        (np.zeros((64, 64), np.uint8), set()),
    ],
)
def test_words_are_those_of_the_shape(mask: np.ndarray, words: set[str]) -> None:
    assert set(shape_words(mask)) == words


def test_frame_of_thin_bars_is_slender() -> None:
    mask = box(50, 50)
    mask[10:54, 10:54] = 0
    assert "slender" in shape_words(mask)


def test_all_words_of_shape_are_ones_that_edits_ask_for() -> None:
    masks = [disc((a, b)) for a in (6, 15, 30) for b in (6, 15, 30)]
    assert {word for mask in masks for word in shape_words(mask)} <= set(SHAPES["shape"])


@pytest.mark.parametrize(
    ("colour", "words"),
    [
        ((200, 30, 30), ("red",)),
        ((30, 160, 40), ("green",)),
        ((30, 60, 200), ("blue",)),
        ((220, 210, 40), ("yellow",)),
        ((150, 110, 70), ("wooden",)),
        ((10, 10, 10), ("black",)),
        ((250, 250, 250), ("white",)),
        ((120, 122, 118), ("metal", "iron")),
        ((150, 40, 200), ()),
    ],
)
def test_words_are_those_of_the_colour(
    colour: tuple[int, int, int], words: tuple[str, ...]
) -> None:
    image = GREY.copy()
    mask = box(20, 20)
    image[mask > 0] = colour
    assert colour_words(image, mask) == words
    assert set(words) <= set(SLOTS["material"])


def test_empty_mask_has_no_colour() -> None:
    assert colour_words(GREY, np.zeros((64, 64), np.uint8)) == ()


@pytest.mark.parametrize("captions", [PhotoCaptions(), ShapeCaptions()])
def test_every_word_of_a_caption_is_known(captions: Captions) -> None:
    words = word_tokenizer(captions.texts, max_tokens=24)
    rng = np.random.default_rng(0)
    for name in CLASSES:
        for seed in range(20):
            image = np.broadcast_to(rng.integers(0, 256, 3, np.uint8), (64, 64, 3)).copy()
            text = captions(name.capitalize(), image, disc((10 + seed, 20)), seed)
            numbers = words(text).input_ids
            assert UNKNOWN not in numbers, text
            assert len(numbers) <= 24, text


def test_caption_is_a_function_of_its_arguments() -> None:
    found = {ShapeCaptions()("Table", GREY, disc((20, 20)), seed) for seed in range(40)}
    assert found == {"a table", "a round table", "a sturdy table", "a small table"}


def test_photo_is_called_by_class_and_colour() -> None:
    image = np.broadcast_to(np.array((30, 60, 200), np.uint8), (64, 64, 3)).copy()
    found = {PhotoCaptions()("Fan", image, disc((20, 20)), seed) for seed in range(40)}
    assert any(" blue fan " in text for text in found)
    assert all("fan" in text for text in found)
    assert not any("red" in text.split() for text in found)
