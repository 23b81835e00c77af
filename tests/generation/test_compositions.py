from pathlib import Path

import pytest
import torch

from generation import objects
from generation.compositions import (
    COLOURS,
    KINDS,
    CompositionScenes,
    composed_names,
    distinct_names,
    half_of,
)
from generation.draft_sources.procedural_labels import ProceduralLabels
from generation.procedural import ProceduralScenes

NAMES = ["red metal chair", "blue brick bed"]
SHIPPED = Path(objects.__file__).with_name("composed.txt")
SCENES = CompositionScenes(size=48, names=NAMES)


def test_names_are_all_combinations() -> None:
    names = composed_names()
    assert len(set(names)) == len(names) == 4 * 3 * len(KINDS)
    assert "green wooden lamp" in names


def test_halves_part_the_names_and_both_have_every_two_words() -> None:
    even, odd = half_of(composed_names()), half_of(composed_names(), odd=True)
    assert sorted((*even, *odd)) == sorted(composed_names())
    assert len(even) == len(odd)

    def pairs(names: tuple[str, ...]) -> set[tuple[str, str]]:
        words = [name.split() for name in names]
        return {pair for a, b, c in words for pair in ((a, b), (a, c), (b, c))}

    assert pairs(even) == pairs(odd) == pairs(composed_names())


def test_distinct_names_differ_in_colour_or_kind_and_both_halves_have_all_of_these() -> None:
    halves = half_of(distinct_names()), half_of(distinct_names(), odd=True)
    assert [len(half) for half in halves] == [16, 16]
    pairs = {(name.split()[0], name.split()[2]) for half in halves for name in half}
    assert len(pairs) == 32
    for half in halves:
        assert {name.split()[0] for name in half} == set(COLOURS)
        assert {name.split()[2] for name in half} == set(KINDS)


def test_object_has_the_colour_of_its_name() -> None:
    for index, channel in ((0, 0), (1, 2)):
        sample = SCENES.labelled(SCENES.spec("val", index))
        assert sample.class_names == ("background", NAMES[index])
        of_object = sample.image[:, sample.mask == 1].float().mean(1)
        assert of_object.argmax() == channel


def test_caption_names_every_object() -> None:
    sample = SCENES.labelled(SCENES.crowd("val", 3, num_objects=2))
    assert sample.prompt in {f"a {a} and a {b}" for a, b in (NAMES, NAMES[::-1])}


def test_caption_leaves_out_colours_and_materials_but_never_the_object() -> None:
    scenes = CompositionScenes(size=16, unsaid=0.5)
    specs = [scenes.spec("val", index) for index in range(40)]
    said = [scenes.labelled(spec).prompt.removeprefix("a ").split() for spec in specs]
    names = [spec.objects[0].class_name.split() for spec in specs]
    assert all(words[-1] == name[-1] for words, name in zip(said, names, strict=True))
    assert all(set(words) <= set(name) for words, name in zip(said, names, strict=True))
    assert {len(words) for words in said} == {1, 2, 3}
    assert [scenes.labelled(spec).prompt for spec in specs[:3]] == [
        "a " + " ".join(words) for words in said[:3]
    ]


def test_share_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unsaid is 1\.5"):
        CompositionScenes(unsaid=1.5)


def test_scenes_are_a_source_of_generation_runs() -> None:
    source = ProceduralLabels(SCENES, 4, crowded_share=0.0)
    key = source.keys()[1]
    one, again, other = (source.draft(key, seed) for seed in (5, 5, 6))
    assert one.class_names == ("background", NAMES[1])
    assert torch.equal(one.image, again.image)
    assert not torch.equal(one.image, other.image)


def test_another_seed_leaves_the_scenes_as_they_were() -> None:
    scenes = ProceduralScenes(size=32, classes=["bed"], seed=3)
    assert scenes.seeded(4).spec("train", 0) != scenes.spec("train", 0)
    assert scenes.seeded(4).seeded(3).spec("train", 0) == scenes.spec("train", 0)


def test_names_come_from_a_file_too() -> None:
    assert CompositionScenes(size=16, names=SHIPPED).classes[1] == "red wooden lamp"


@pytest.mark.parametrize("name", ["chair", "pink metal chair", "red metal rocket"])
def test_unknown_words_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="give a colour"):
        CompositionScenes(names=[name])


def test_test_split_is_refused() -> None:
    with pytest.raises(ValueError, match="take val"):
        SCENES.spec("test", 0)
