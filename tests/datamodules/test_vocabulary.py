"""Lists of class names: what is read, what a text speaks of, and what ships."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.inflections import inflections, is_plural
from datamodules.vocabulary import (
    SHIPPED,
    Vocabulary,
    parse_vocabulary,
    read_vocabulary,
    read_words,
    without_qualifier,
)

WORDS = parse_vocabulary("""# a remark
bus (vehicle), autobus, charabanc
bow (weapon)
bow (decorative ribbons)
dog
hot dog, frankfurter
T-shirt
goldfish, fish
fish (food), fish
""")
LVIS = read_vocabulary(SHIPPED / "lvis.txt")


def mentioned(text: str, words: Vocabulary = WORDS) -> list[tuple[str, str]]:
    return [(text[m.start : m.stop], words.names[m.index]) for m in words.mentions(text)]


def test_a_line_is_a_name_and_its_synonyms() -> None:
    assert WORDS.classes[0].terms == ("bus (vehicle)", "autobus", "charabanc")
    assert len(WORDS) == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# nothing\n\n", "the list of names is empty"),
        ("dog\nDog\n", "'dog' and 'Dog': names must differ"),
        ("dog\n12:apple\n", "line 2 is '12:apple': give names alone, without ids"),
        ("dog,, cat\n", "line 1 is 'dog,, cat': there is no word between commas"),
    ],
)
def test_a_list_that_cannot_be_meant_is_one_clear_error(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "names.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_vocabulary(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_mark_that_an_editor_puts_before_a_text_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("dog\ncat\n", encoding="utf-8-sig")
    assert read_vocabulary(path).names == ("dog", "cat")
    path.write_text("# animals\ndog\n", encoding="utf-8-sig")
    assert read_vocabulary(path).names == ("dog",)


def test_a_missing_list_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.txt: no list of class names can be read"):
        read_vocabulary(tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("term", "name"),
    [
        ("BUS_(vehicle)", "bus (vehicle)"),
        ("bus", "bus (vehicle)"),
        ("charabanc", "bus (vehicle)"),
        ("t shirt", "T-shirt"),
        ("goldfish", "goldfish"),
    ],
)
def test_a_class_is_found_by_name_synonym_or_name_without_qualifier(term: str, name: str) -> None:
    assert WORDS.names[WORDS.index(term)] == name


def test_an_unknown_class_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="no class 'dogg' among 8: did you mean 'dog'"):
        WORDS.index("dogg")


@pytest.mark.parametrize("term", ["bow", "fish"])
def test_a_term_of_several_classes_is_an_error(term: str) -> None:
    with pytest.raises(ValueError, match=f"'{term}' may be .* give the name of the class itself"):
        WORDS.index(term)


def test_a_name_stands_in_a_sentence_without_its_qualifier_unless_it_needs_it() -> None:
    names = WORDS.prompt_names()
    assert names[:3] == ("bus", "bow, weapon", "bow, decorative ribbons")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Two buses and a dog.", [("buses", "bus (vehicle)"), ("dog", "dog")]),
        ("Hot dogs", [("Hot dogs", "hot dog")]),
        ("a hot, dog day", [("dog", "dog")]),
        ("three t-shirts, two t_shirt", [("t-shirts", "T-shirt"), ("t_shirt", "T-shirt")]),
        ("dogma and hotdogs", []),
        ("a bow", [("bow", "bow (weapon)")]),
        ("", []),
    ],
)
def test_a_text_speaks_of_classes_in_any_form(text: str, expected: list[tuple[str, str]]) -> None:
    assert mentioned(text) == expected


@pytest.mark.parametrize(
    ("one", "many"),
    [("person", "people"), ("shelf", "shelves"), ("knife", "knives"), ("berry", "berries"),
     ("box", "boxes"), ("fireman", "firemen"), ("goose", "geese"), ("cat", "cats"),
     ("cactus", "cacti"), ("cactus", "cactuses"), ("quiz", "quizzes"), ("die", "dice"),
     ("hippopotamus", "hippopotami"), ("octopus", "octopi"), ("octopus", "octopodes"),
     ("antenna", "antennae"), ("bandeau", "bandeaux"), ("salesperson", "salespeople")],
)  # fmt: skip
def test_singular_and_plural_find_each_other(one: str, many: str) -> None:
    assert many in inflections(one)
    assert one in inflections(many)


@pytest.mark.parametrize("many", ["cacti", "dice", "quizzes", "bandeaux", "children"])
def test_irregular_plurals_take_no_article(many: str) -> None:
    assert is_plural(many)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Hippopotami in a river", "hippopotamus"),
        ("two octopi", "octopus (food)"),
        ("styli on a desk", "stylus"),
        ("a house with antennae", "antenna"),
    ],
)
def test_latin_plurals_of_lvis_are_found_in_texts(text: str, name: str) -> None:
    assert name in [LVIS.names[mention.index] for mention in LVIS.mentions(text)]


@pytest.mark.parametrize(
    ("one", "other"),
    [("pan", "panes"), ("car", "cares"), ("cap", "capes"), ("can", "canes"), ("bar", "bares")],
)
def test_a_plural_in_es_is_not_that_of_another_word(one: str, other: str) -> None:
    assert other not in inflections(one)
    assert one not in inflections(other)


def test_window_panes_and_a_girl_who_cares_are_no_objects() -> None:
    words = Vocabulary.of_names(["pan (for cooking)", "car (automobile)"])
    assert words.mentions("window panes before a girl who cares") == []


@pytest.mark.parametrize("one", ["bus", "box", "quiz", "watch", "brush", "tomato", "glass"])
def test_a_plural_in_es_follows_a_hiss_or_an_o(one: str) -> None:
    assert f"{one}es" in inflections(one)
    assert one in inflections(f"{one}es")


@pytest.mark.slow
@given(st.sampled_from(LVIS.names), st.sampled_from(["a {}", "{}", "Some {}s!", "the (red) {}."]))
def test_every_class_of_lvis_is_found_in_a_text_that_names_it(name: str, sentence: str) -> None:
    short = without_qualifier(name)
    found = LVIS.mentions(sentence.format(short))
    assert len(found) == 1
    assert without_qualifier(LVIS.names[found[0].index]) == short


def test_phrases_know_their_label_and_background_is_zero() -> None:
    words = parse_vocabulary("dog, hound\ncat\n")
    phrases = words.phrases(["sky", "wall"])
    assert phrases.texts == ("sky", "wall", "dog", "hound", "cat")
    assert phrases.owners == (0, 0, 1, 1, 2)
    assert words.phrases(synonyms=False).texts == ("dog", "cat")


def test_joined_lists_have_each_name_once() -> None:
    joined = parse_vocabulary("dog\ncat\n").joined(parse_vocabulary("Cat\nsky\n"))
    assert joined.names == ("dog", "cat", "sky")


def test_lvis_has_its_1203_classes_and_stuff_brings_what_context_needs() -> None:
    assert len(LVIS) == 1203
    assert (LVIS.names[0], LVIS.names[-1]) == ("aerosol can", "zucchini")
    assert sum("(" in name for name in LVIS.names) == 108  # counted in MagicSeg's list
    stuff = read_vocabulary(SHIPPED / "stuff.txt")
    assert 90 <= len(stuff) <= 110
    context = read_vocabulary(SHIPPED / "context.txt").names
    assert len({*context} & {*LVIS.names}) == 21
    assert len({*context} & {*LVIS.names, *stuff.names}) == 46


@pytest.mark.parametrize(
    ("file", "num"),
    [("voc", 20), ("voc_sclip", 20), ("context", 59), ("coco_object", 80),
     ("coco_object_sclip", 80), ("coco_stuff", 171), ("coco_stuff_sclip", 171)],
)  # fmt: skip
def test_shipped_lists_have_the_classes_of_their_sets(file: str, num: int) -> None:
    assert len(read_vocabulary(SHIPPED / f"{file}.txt")) == num


def test_lists_of_one_set_have_one_order() -> None:
    plain = read_vocabulary(SHIPPED / "coco_stuff.txt").names
    other = read_vocabulary(SHIPPED / "coco_stuff_sclip.txt").names
    assert tuple(name.replace(" ", "") for name in plain) == other
    assert read_vocabulary(SHIPPED / "coco_object.txt").names == plain[:80]


def test_words_for_background_are_the_26_of_sclip() -> None:
    words = read_words(SHIPPED / "background_sclip.txt")
    assert (len(words), words[0], words[-1]) == (26, "sky", "fence")


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.txt")), ids=lambda path: path.stem)
def test_shipped_lists_name_their_source_and_licence(path: Path) -> None:
    head = " ".join(line for line in path.read_text().splitlines() if line.startswith("#"))
    assert "http" in head or "github.com" in head or "CVPR" in head
    assert "licence" in head or "CC BY" in head
    assert path.read_text().isascii()
