import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.vocabulary import ClassTerms, Vocabulary
from lightningmodules.category_sampling import (
    VOID,
    VocabularyPlaces,
    draw_noise,
    relabel,
    sample_categories,
)

NAMES = tuple(f"thing{k}" for k in range(12))
PLACES = VocabularyPlaces(Vocabulary(tuple(ClassTerms(name) for name in NAMES)))


def test_labels_find_their_class_in_the_vocabulary() -> None:
    places = PLACES([("background", "thing7", "thing2"), ("background",)])
    assert places.shape == (2, 256)
    assert places[0, :4].tolist() == [12, 7, 2, 12]
    assert set(places[1].tolist()) == {12}


def test_a_name_that_the_vocabulary_lacks_is_named() -> None:
    with pytest.raises(ValueError, match="no class 'unicorn' among 12"):
        PLACES([("background", "unicorn")])


@settings(max_examples=40)
@given(st.integers(0, 2**30), st.integers(1, 15))
def test_what_is_in_the_image_is_drawn_first_and_nothing_twice(seed: int, number: int) -> None:
    random = torch.Generator().manual_seed(seed)
    mask = torch.randint(0, 5, (3, 2, 2), generator=random)
    mask[:, 0, 0] = VOID
    places = PLACES([("background", "thing3", "thing11", "thing0", "thing5")] * 3)
    chosen = sample_categories(mask, places, torch.rand(3, 12, generator=random), number)
    assert chosen.shape == (3, min(number, 12))
    for image, drawn in zip(mask, chosen.tolist(), strict=True):
        there = {[3, 11, 0, 5][k - 1] for k in image.flatten().tolist() if 0 < k < VOID}
        first = set(drawn[: len(there)])
        assert len(set(drawn)) == len(drawn)
        assert first == there if len(there) <= number else first <= there


def test_others_are_drawn_alike_often() -> None:
    noise = draw_noise(0, [f"id{k}" for k in range(3000)], 0, 12)
    mask = torch.ones(3000, 1, 1, dtype=torch.long)
    chosen = sample_categories(mask, PLACES([("background", "thing4")] * 3000), noise, 5)
    counts = torch.bincount(chosen.flatten(), minlength=12)
    assert counts[4] == 3000
    others = torch.cat((counts[:4], counts[5:]))
    # 4 of 11 each: 1,091 with a standard deviation of 26
    assert ((others - 3000 * 4 / 11).abs() < 5 * 26).all()


def test_draws_are_functions_of_id_and_slot() -> None:
    whole = draw_noise(3, ["a", "b", "c"], 8, 12)
    assert torch.equal(draw_noise(3, ["c"], 10, 12), whole[2:])
    assert not torch.equal(draw_noise(3, ["c"], 11, 12), whole[2:])
    assert not torch.equal(draw_noise(4, ["c"], 10, 12), whole[2:])


def test_draws_without_a_slot_are_those_of_the_sample_alone() -> None:
    whole = draw_noise(3, ["a", "b"], None, 12)
    assert torch.equal(draw_noise(3, ["b"], None, 12), whole[1:])


def test_pixels_name_the_place_of_their_class_among_the_drawn() -> None:
    places = PLACES([("background", "thing3", "thing8"), ("background", "thing8")])
    mask = torch.tensor([[[0, 1, 2, VOID]], [[1, 1, 0, VOID]]])
    chosen = torch.tensor([[8, 3, 1], [0, 8, 3]])
    assert relabel(mask, places, chosen, 12).tolist() == [[[-1, 1, 0, -1]], [[1, 1, -1, -1]]]


def test_a_class_that_was_not_drawn_is_none_of_the_drawn() -> None:
    places = PLACES([("background", "thing3", "thing8")])
    labels = relabel(torch.tensor([[[1, 2]]]), places, torch.tensor([[8]]), 12)
    assert labels.tolist() == [[[-1, 0]]]


def test_two_labels_of_one_class_are_that_class() -> None:
    places = PLACES([("background", "thing3", "Thing3")])
    mask = torch.tensor([[[1, 2]]])
    chosen = sample_categories(mask, places, torch.full((1, 12), 0.5), 2)
    assert chosen[0, 0] == 3
    assert relabel(mask, places, chosen, 12).tolist() == [[[0, 0]]]
