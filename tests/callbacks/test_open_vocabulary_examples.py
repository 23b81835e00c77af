"""Which photos of a stream are kept."""

import cv2
import numpy as np
import pytest
import torch

from callbacks.label_overlay import label_colour
from callbacks.open_vocabulary_examples import BEST, DRAWN, WEAKEST, LabelExamples

NAMES = ("background", "bed", "fan")


def add(examples: LabelExamples, number: int, *, right: int) -> None:
    """A photo of ten pixels, of which as many as said are found."""
    truth = torch.ones(1, 10, dtype=torch.uint8)
    found = truth.clone()
    found[:, right:] = 0
    examples.add(f"photo{number}", torch.zeros(3, 1, 10), truth, {"plain": found})


def test_the_weakest_and_the_best_are_kept_whatever_their_order() -> None:
    orders = ([4, 9, 1, 7, 2, 10, 5], [10, 9, 7, 5, 4, 2, 1])
    kept = []
    for order in orders:
        examples = LabelExamples(NAMES, num_drawn=0, num_extreme=2)
        for right in order:
            add(examples, right, right=right)
        kept.append({name: [one.id for one in of] for name, of in examples.groups().items()})
    assert kept[0] == kept[1] == {WEAKEST: ["photo1", "photo2"], BEST: ["photo10", "photo9"]}


def test_photos_are_drawn_by_their_names_and_shown_once() -> None:
    examples = LabelExamples(NAMES, num_drawn=3, num_extreme=1)
    for number in range(8):
        add(examples, number, right=5)
    groups = examples.groups()
    shown = [one.id for group in groups.values() for one in group]
    assert len(groups[DRAWN]) == 3
    assert len(shown) == len(set(shown)) <= 5


def test_labels_lie_in_their_colours_over_the_photo() -> None:
    examples = LabelExamples(NAMES)
    truth = torch.tensor([[1, 255], [0, 0]], dtype=torch.uint8)
    found = torch.tensor([[2, 2], [0, 0]], dtype=torch.uint8)
    examples.add("a", torch.ones(3, 2, 2), truth, {"plain": found})
    (example,) = examples.groups()[DRAWN]
    # background is right, bed was missed and fan found where it is not; void does not count
    assert example.mean_iou == pytest.approx(1 / 3)
    assert [name for name, _ in example.legend] == ["bed", "fan"]
    pixels = cv2.imdecode(np.frombuffer(example.truth, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert pixels.shape == (320, 320, 3)
    blended = [round(0.55 * level + 0.45 * 255) for level in label_colour(1)]
    assert np.abs(pixels[80, 80, ::-1].astype(int) - blended).max() < 5
    assert np.abs(pixels[80, 240].astype(int) - round(0.45 * 255)).max() < 5  # void
    assert pixels[240, 80].min() > 250  # background
