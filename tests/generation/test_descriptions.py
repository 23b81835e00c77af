from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.draft_source import DraftSource, OfClasses
from datamodules.json_value import Json
from datamodules.sample import MaskKind
from datamodules.vocabulary import SHIPPED, Vocabulary, parse_vocabulary, read_vocabulary
from generation.draft_sources.names import NameDrafts
from generation.prompts.descriptions import (
    SURROUNDINGS,
    TemplateDescriptions,
    without_classes,
)
from generation.prompts.descriptions_model import LanguageModelDescriptions
from generation.prompts.distinct import distinct
from generation.prompts.other_mentions import OtherMentions
from generation.prompts.prompts import PromptError


class Writer:
    """A language model that answers with a list, and counts what it is asked."""

    name = "writer@1"
    parameters: dict[str, Json] = {}  # noqa: RUF012 - never changed
    batch_size = 2

    def __init__(self, *answers: str) -> None:
        self.given = list(answers)
        self.asked: list[str] = []

    def answers(self, requests: Sequence[str], seeds: Sequence[int]) -> Iterator[str]:
        for request in requests:
            self.asked.append(request)
            yield self.given[(len(self.asked) - 1) % len(self.given)]

    def release(self) -> None:
        """Hold nothing."""


def names(folder: Path, *lines: str) -> Path:
    path = folder / "names.txt"
    path.write_text("\n".join(lines))
    return path


def test_template_descriptions_name_their_classes_in_words_of_their_own() -> None:
    lvis = read_vocabulary(SHIPPED / "lvis.txt")
    spoken = lvis.prompt_names()
    groups = [(spoken[k], spoken[-k - 1]) for k in range(0, 1200, 97)]
    found = TemplateDescriptions().many(groups, range(len(groups)), 2)
    for k, texts in zip(range(0, 1200, 97), found, strict=True):
        own = [lvis.names[k], lvis.names[-k - 1]]
        for text in texts:
            assert {m.index for m in Vocabulary.of_names(own).mentions(text)} == {0, 1}


def test_template_descriptions_are_a_function_of_the_seed_and_differ() -> None:
    one, again = (TemplateDescriptions().many([("cat",)], [7], 10) for _ in range(2))
    assert one == again
    assert len(distinct(one[0])) == 10


@pytest.mark.parametrize(
    ("text", "classes", "expected"),
    [
        ("Two oxen pull the cart.", ["ox", "cart"], "Two nothing pull nothing."),
        ("A red bus", ["bus (vehicle)"], "A red nothing"),
        ("a bow, weapon, on a wall", ["bow (weapon)"], "nothing, on a wall"),
        ("A photo of a bow, Weapon in hand", ["bow (weapon)"], "A photo of nothing in hand"),
        ("a bow, weaponry behind", ["bow (weapon)"], "nothing, weaponry behind"),
        ("cacti in a row", ["cactus"], "nothing in a row"),
        ("quizzes and dice", ["quiz", "die"], "nothing and nothing"),
        ("A hot dog and a dog", ["hot dog", "dog"], "nothing and nothing"),
        ("the Birdcages", ["birdcage"], "nothing"),
    ],
)
def test_every_mention_of_a_class_is_replaced_with_its_article(
    text: str, classes: list[str], expected: str
) -> None:
    assert without_classes(text, classes) == expected


def test_text_without_its_class_is_refused() -> None:
    with pytest.raises(ValueError, match="does not mention 'dog'"):
        without_classes("a cat", ["cat", "dog"])


def test_near_duplicates_are_dropped_and_the_first_stays() -> None:
    texts = ["a cat in a park at dusk", "A cat, in a park at dusk!", "a cat on a roof", "a ship"]
    assert distinct(texts) == [0, 2, 3]
    assert distinct(texts, most_shared=1.0) == [0, 1, 2, 3]
    assert distinct([]) == []


def by_pairs(texts: Sequence[str], most_shared: float) -> list[int]:
    """Near-duplicates by comparing sets of words, pair by pair."""
    kept: list[int] = []
    words = [frozenset(text.casefold().split()) for text in texts]
    for place, own in enumerate(words):
        if all(len(own & words[k]) <= most_shared * len(own | words[k]) for k in kept):
            kept.append(place)
    return kept


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6).map(" ".join), max_size=12),
    st.sampled_from([0.2, 0.5, 0.8, 1.0]),
)
def test_near_duplicates_are_those_that_pairs_of_texts_show(
    texts: list[str], most_shared: float
) -> None:
    assert distinct(texts, most_shared=most_shared) == by_pairs(texts, most_shared)


def test_hundreds_of_texts_and_words_are_kept_apart() -> None:
    texts = [f"word{k} and word{k + 1}" for k in range(300)]
    assert distinct([*texts, *texts]) == list(range(300))


def test_a_short_list_has_drafts_by_the_class_where_no_number_is_given(tmp_path: Path) -> None:
    made = NameDrafts(names(tmp_path, "cat", "dog", "hat"), TemplateDescriptions(), size=16)
    made.prepare()
    assert len(made.keys()) == 240
    one = NameDrafts(names(tmp_path, "cat"), TemplateDescriptions(), per_class=5, two_share=0)
    one.prepare()
    assert len(one.keys()) == 5


def test_model_is_asked_for_the_four_demands_and_once_only(tmp_path: Path) -> None:
    model = Writer("1. A cat on a roof.\n2) Some cats in a barn\n- a dog\n\n<think>cat")
    written = LanguageModelDescriptions(model, tmp_path, attempts=1)
    assert written.many([("cat",)], [1], 3) == [["A cat on a roof.", "Some cats in a barn"]]
    request = model.asked[0]
    for demand in ("complex", "diverse", "colour, posture and action", "differ", '"cat"'):
        assert demand in request
    assert written.many([("cat",)], [1], 3) == [["A cat on a roof.", "Some cats in a barn"]]
    assert len(model.asked) == 1


def test_model_is_asked_again_until_there_are_enough(tmp_path: Path) -> None:
    model = Writer("A cat and a dog", "no", "Dogs beside cats\nA cat and a dog")
    written = LanguageModelDescriptions(model, tmp_path)
    assert written.many([("cat", "dog")], [1], 2) == [["A cat and a dog", "Dogs beside cats"]]
    assert len(model.asked) == 3


def test_model_that_never_names_the_class_is_one_error(tmp_path: Path) -> None:
    written = LanguageModelDescriptions(Writer("a dog"), tmp_path)
    with pytest.raises(PromptError, match="writer@1 wrote no usable description of cat in 3"):
        written.many([("cat",)], [1], 2)
    assert not list(tmp_path.rglob("*.json"))


def source(folder: Path, *, number: int = 12, **options: float) -> NameDrafts:
    path = names(folder, "bus (vehicle)", "cat", "hot dog")
    return NameDrafts(path, TemplateDescriptions(), number=number, per_group=4, size=16, **options)  # type: ignore[arg-type]


def test_drafts_have_a_description_and_names_and_nothing_painted(tmp_path: Path) -> None:
    made: DraftSource = source(tmp_path)
    made.prepare()
    assert isinstance(made, OfClasses)
    assert len(set(made.keys())) == 12
    keys = made.keys()
    for key in keys:
        draft = made.draft(key, seed=3)
        assert draft.mask_kind is MaskKind.LABELS
        assert draft.class_names[0] == "background"
        assert not draft.image.any()
        assert not draft.mask.any()
        without_classes(draft.prompt, draft.class_names[1:])  # raises if one is not mentioned
        assert "/" not in key
    counts = [len(made.draft(key, seed=3).class_names) for key in keys]
    assert set(counts) == {2, 3}


def test_descriptions_are_the_inputs_of_the_run(tmp_path: Path) -> None:
    one, again, other = source(tmp_path), source(tmp_path), source(tmp_path, seed=1)
    for each in (one, again, other):
        each.prepare()
    assert one.fingerprint() == again.fingerprint()
    assert one.fingerprint() != other.fingerprint()
    assert one.keys() == again.keys()


def test_too_few_different_descriptions_are_one_error(tmp_path: Path) -> None:
    made = NameDrafts(
        names(tmp_path, "cat"),
        TemplateDescriptions(["red"], ["in fog"]),
        number=50,
        two_share=0,
        most_shared=0.2,
    )
    with pytest.raises(ValueError, match="descriptions of 1 classes differ enough"):
        made.prepare()


def test_unknown_class_and_empty_list_are_refused(tmp_path: Path) -> None:
    path = names(tmp_path, "cat", "hot dog")
    with pytest.raises(ValueError, match="did you mean 'cat'"):
        NameDrafts(path, TemplateDescriptions(), number=1, classes=["cats"])
    with pytest.raises(ValueError, match="empty list"):
        NameDrafts(path, TemplateDescriptions(), number=1, classes=[])
    (tmp_path / "none.txt").write_text("# nothing\n")
    with pytest.raises(ValueError, match="at least one class"):
        NameDrafts(tmp_path / "none.txt", TemplateDescriptions(), number=1)


def test_numbers_out_of_range_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="number 0"):
        source(tmp_path, number=0)
    with pytest.raises(ValueError, match="of one class"):
        NameDrafts(names(tmp_path, "cat"), TemplateDescriptions(), number=1)


@pytest.mark.parametrize("words", [path.stem for path in sorted(SHIPPED.glob("*.txt"))])
def test_surroundings_are_of_no_list_that_ships(words: str) -> None:
    vocabulary = read_vocabulary(SHIPPED / f"{words}.txt")
    assert [text for text in SURROUNDINGS if vocabulary.mentions(text)] == []


BOWS = Vocabulary.of_names(["bow (weapon)", "bow (ribbons)", "ribbon", "dog", "hot dog", "cat"])


@pytest.mark.parametrize(
    ("own", "text", "others"),
    [
        ([5], "A cat on a mat", ()),
        ([5], "A cat between hot dogs and Dogs", (3, 4)),
        ([3], "a dog that eats a hot dog", (4,)),
        ([4], "a hot dog", ()),
        ([1], "a bow, ribbons, on a cat", (5,)),
        ([1], "a bow of ribbons", (2,)),
    ],
)
def test_other_classes_of_the_list_are_found_in_a_text(
    own: list[int], text: str, others: tuple[int, ...]
) -> None:
    assert OtherMentions(BOWS, own)(text) == others


class OfCats:
    """Descriptions of cats that mention what they do; of all else, without."""

    models = ()
    licence = "CC0-1.0"

    def __init__(self, *texts: str) -> None:
        self.texts = texts

    def many(
        self, groups: Sequence[tuple[str, ...]], seeds: Sequence[int], count: int
    ) -> list[list[str]]:
        of_cats = list(self.texts)
        return [of_cats if own == ("cat",) else [f"a lone {own[0]}"] for own in groups]


TEXTS = ("a cat beside a dog", "a cat on a high roof", "a cat with hats and dogs, asleep")


@pytest.mark.parametrize(
    ("most_others", "expected"),
    [
        (0, {("cat",)}),
        (1, {("cat",), ("cat", "dog")}),
        (2, {("cat",), ("cat", "dog"), ("cat", "dog", "hat")}),
    ],
)
def test_what_a_description_mentions_besides_is_a_class_of_its_draft_or_drops_it(
    tmp_path: Path, most_others: int, expected: set[tuple[str, ...]]
) -> None:
    made = NameDrafts(
        names(tmp_path, "cat", "dog", "hat"),
        OfCats(*TEXTS),
        number=2 + len(expected),
        most_others=most_others,
        two_share=0,
        per_group=1,
    )
    made.prepare()
    keys = made.keys()
    drafts = [made.draft(key, seed=1) for key in keys]
    assert {draft.class_names[1:] for draft in drafts} == {*expected, ("dog",), ("hat",)}


AIRCRAFT = parse_vocabulary("airplane, aeroplane, jet plane\nbow (weapon), longbow\nbow (ribbon)")


@pytest.mark.parametrize(
    ("own", "text", "expected"),
    [
        (0, "A silver airplane, an old aeroplane", True),
        (0, "A silver airplane, an old one", False),
        (0, "jet planes beside Airplanes", True),
        (1, "a bow, weapon, and a bow", False),
        (1, "a bow, weapon, like a longbow", True),
        (2, "a bow, ribbon, like a longbow", False),
    ],
)
def test_a_text_that_calls_its_class_by_a_synonym_is_told(
    own: int, text: str, expected: bool
) -> None:
    assert OtherMentions(AIRCRAFT, [own]).has_synonym(text) is expected


@pytest.mark.parametrize(
    ("lines", "text", "number"),
    [
        (("dog", "hot dog"), "a hot dog", 3),  # the dog stands within another name
        (("dog", "cat, kitty"), "a dog and a kitty", 2),
    ],
)
def test_no_draft_has_a_class_that_its_text_does_not_name(
    lines: tuple[str, str], text: str, number: int, tmp_path: Path
) -> None:
    class Stubborn(OfCats):
        def many(
            self, groups: Sequence[tuple[str, ...]], seeds: Sequence[int], count: int
        ) -> list[list[str]]:
            return [[text, f"{own[0]} alone"] for own in groups]

    path = names(tmp_path, *lines)
    made = NameDrafts(path, Stubborn(), number=number, two_share=0, per_group=1, most_others=1)
    made.prepare()
    keys = made.keys()
    assert len(keys) == number
    for key in keys:
        found = made.draft(key, seed=1)
        without_classes(found.prompt, found.class_names[1:])


def test_no_draft_speaks_of_its_class_by_a_synonym(tmp_path: Path) -> None:
    path = names(tmp_path, "cat, kitty", "dog")
    texts = ("a cat and some kitties in a park", "a cat asleep on a warm roof")
    made = NameDrafts(path, OfCats(*texts), number=2, two_share=0, per_group=1)
    made.prepare()
    prompts = {made.draft(key, seed=1).prompt for key in list(made.keys())}
    assert prompts == {"a cat asleep on a warm roof", "a lone dog"}


def test_classes_that_are_left_out_are_not_mentioned_either(tmp_path: Path) -> None:
    path = names(tmp_path, "cat", "dog", "hat")
    made = NameDrafts(path, OfCats(*TEXTS), number=1, classes=["cat"], two_share=0, most_others=5)
    made.prepare()
    assert made.draft(made.keys()[0], seed=1).prompt == "a cat on a high roof"


def test_a_list_that_names_what_templates_say_still_gets_its_number(tmp_path: Path) -> None:
    words = read_vocabulary(SHIPPED / "stuff.txt")
    made = NameDrafts(SHIPPED / "stuff.txt", TemplateDescriptions(), number=300)
    made.prepare()
    keys = made.keys()
    for key in keys:
        draft = made.draft(key, seed=1)
        own = [words.index(name) for name in draft.class_names[1:]]
        assert OtherMentions(words, own)(draft.prompt) == ()
