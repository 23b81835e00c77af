"""Prompts by templates, and the words around the name of a class."""

import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonargparse import ArgumentParser

from generation.prompts.answer import UnusableAnswer, prompt_in
from generation.prompts.prompts import Prompts, models_of, prompts_for
from generation.prompts.templates import PUBLISHED, SLOTS, ShapePrompts, TemplatePrompts
from generation.prompts.wording import article, mentions, spoken

WORDS = st.text("abcdefgh", min_size=1, max_size=6)
SEEDS = st.integers(0, 2**63 - 1)


def test_published_template_is_filled_with_the_class_alone() -> None:
    assert TemplatePrompts(PUBLISHED)("TrafficSign", 5) == "A photo of traffic sign"


@given(SEEDS)
def test_default_prompts_name_the_class_in_one_line_whatever_the_seed(seed: int) -> None:
    text = TemplatePrompts()("Bench", seed)
    assert text.startswith("A photo of ")
    assert prompt_in(text, "Bench", max_words=20) == text


@settings(max_examples=30)
@given(
    st.dictionaries(
        WORDS.map("slot_{}".format), st.lists(WORDS, min_size=1, max_size=3), min_size=1, max_size=3
    ),
    SEEDS,
)
def test_each_slot_holds_one_of_its_words(slots: dict[str, list[str]], seed: int) -> None:
    template = "|".join(f"{{{name}}}" for name in slots)
    parts = TemplatePrompts([template], slots)("Fan", seed).split("|")
    assert all(word in words for word, words in zip(parts, slots.values(), strict=True))


@given(SEEDS)
def test_new_slot_leaves_what_others_draw(seed: int) -> None:
    more = {**SLOTS, "season": ("in summer", "in winter")}
    old, new = (TemplatePrompts(["{place}, {light}"], slots) for slots in (SLOTS, more))
    assert old("Fan", seed) == new("Fan", seed)


def test_every_word_of_a_slot_is_drawn_by_some_seed() -> None:
    prompts = ShapePrompts()
    drawn = {prompts("Table", seed).split()[1] for seed in range(400)}
    assert drawn == set(prompts.slots["shape"])


def test_words_of_slots_and_classes_may_hold_braces() -> None:
    assert TemplatePrompts(["{x} {{}} {class}"], {"x": ["{y}"]})("{z}", 0) == "{y} {} {z}"


def test_article_agrees_with_the_word_after_it_and_is_missing_before_plurals() -> None:
    prompts = TemplatePrompts(["{article} {x} {class}, {article} {class}"], {"x": ["iron"]})
    assert prompts("Table", 0) == "an iron table, a table"
    assert prompts("Umbrella", 0) == "an iron umbrella, an umbrella"
    assert prompts("Scissors", 0) == "iron scissors, scissors"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("hourglass", "an"),
        ("unicycle", "a"),
        ("bus", "a"),
        ("owl", "an"),
        ("glass", "a"),
        ("men", ""),
    ],
)
def test_article_follows_the_sound(words: str, expected: str) -> None:
    assert article(words, words) == expected


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("A {colour} {class}", "has {colour}, which is no slot"),
        ("A {class.__doc__}", "which is no slot"),
        ("A {class!r}", "which is no slot"),
        ("A {class:>9}", "which is no slot"),
        ("A {}", "which is no slot"),
        ("A {class", "braces hold one of {class}"),
        ("  ", "is empty"),
    ],
)
def test_wrong_template_is_refused_with_what_it_may_hold(template: str, reason: str) -> None:
    with pytest.raises(ValueError, match="template") as error:
        TemplatePrompts([template])
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("slots", [{"x": []}, {"x": "round"}, {"class": ["a"]}, {"x y": ["a"]}])
def test_wrong_slot_is_refused(slots: Any) -> None:
    with pytest.raises(ValueError, match="slot"):
        TemplatePrompts(["{class}"], slots)


@pytest.mark.parametrize("templates", [[], "A photo of {class}"])
def test_templates_that_are_no_list_of_sentences_are_refused(templates: Any) -> None:
    with pytest.raises(ValueError, match="list of one sentence or more"):
        TemplatePrompts(templates)


@pytest.mark.parametrize("name", ["", " ", "_", "#"])
def test_class_without_a_word_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no word"):
        TemplatePrompts()(name, 0)


def test_prompts_are_chosen_in_yaml_and_can_be_pickled() -> None:
    parser = ArgumentParser()
    parser.add_argument("--prompts", type=Prompts)
    made = parser.instantiate_classes(
        parser.parse_args(
            [
                "--prompts=generation.prompts.templates.ShapePrompts",
                "--prompts.templates=['A binary image of {article} {shape} {class}']",
                "--prompts.slots={shape: [round]}",
            ]
        )
    ).prompts
    assert made("Table", 0) == "A binary image of a round table"
    assert pickle.loads(pickle.dumps(made))("Table", 0) == made("Table", 0)


def test_prompts_of_a_batch_are_those_of_single_calls() -> None:
    prompts = TemplatePrompts()
    assert prompts_for(prompts, ["Fan", "Bed"], [1, 2]) == [prompts("Fan", 1), prompts("Bed", 2)]
    assert models_of(prompts) == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Table", "table"),
        ("TrafficSign", "traffic sign"),
        ("office_chair", "office chair"),
        ("TVStand", "TV stand"),
        ("Stühle", "stühle"),
        ("椅子", "椅子"),
    ],
)
def test_class_is_written_as_in_a_sentence(name: str, expected: str) -> None:
    assert spoken(name) == expected


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Three hats, two oxen and some cookies", "hat"),
        ("Three hats, two oxen and some cookies", "Ox"),
        ("Three hats, two oxen and some cookies", "cookie"),
        ("butterflies on shelves", "Butterfly"),
        ("butterflies on shelves", "Shelf"),
        ("a knife", "Knives"),
        ("two firemen", "fireman"),
        ("a chair's leg", "Chair"),
        ("TRAFFIC-SIGNS!", "TrafficSign"),
        ("a goldfish bowl", "gold fish"),
        ("一把椅子。", "椅子"),
        ("the bus", "Bus"),
        ("buses", "Bus"),
    ],
)
def test_inflected_class_is_found(text: str, name: str) -> None:
    assert mentions(text, name)


@pytest.mark.parametrize(
    ("text", "name"),
    [("an elephant", "ant"), ("a signal for traffic", "TrafficSign"), ("", "fan"), ("beds", "be")],
)
def test_other_words_are_not_taken_for_the_class(text: str, name: str) -> None:
    assert not mentions(text, name)


@pytest.mark.parametrize(
    "answer",
    [
        "A red chair.",
        '"A red chair."',
        "  A red   chair.\n\n",
        "Prompt: A red chair.",
        '**Prompt:** "A red chair."',
        "<think>\nchairs,\nI think\n</think>\n\nA red chair.",
    ],
)
def test_prompt_is_found_in_what_stands_around_it(answer: str) -> None:
    assert prompt_in(answer, "Chair", max_words=3) == "A red chair."


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "empty"),
        ("<think>a chair</think>", "empty"),
        ('""', "does not name"),
        ("a chair\na chair", "2 lines"),
        ("a chair with four legs", "5 words"),
        ("a table", "does not name the class"),
        ("<think> a chair", "thought"),
        ("a \x07 chair", "printable"),
    ],
)
def test_answer_without_a_prompt_says_why(answer: str, reason: str) -> None:
    with pytest.raises(UnusableAnswer, match=reason):
        prompt_in(answer, "Chair", max_words=4)
