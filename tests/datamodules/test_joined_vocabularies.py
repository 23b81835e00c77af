"""Several lists of class names as one."""

from pathlib import Path

import pytest
from jsonargparse import ArgumentParser

from datamodules.vocabulary import SHIPPED, VocabularyFiles, read_vocabulary

BOTH: VocabularyFiles = [SHIPPED / "lvis.txt", SHIPPED / "stuff.txt"]


def test_several_lists_are_read_as_one_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("dog, hound\ncat\n")
    (tmp_path / "b.txt").write_text("Cat, kitty\nsky\n")
    found = read_vocabulary([tmp_path / "a.txt", str(tmp_path / "b.txt")])
    assert [each.terms for each in found.classes] == [("dog", "hound"), ("cat",), ("sky",)]


def test_a_mistake_in_one_of_several_lists_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("dog\n")
    (tmp_path / "b.txt").write_text("12:apple\n")
    with pytest.raises(ValueError, match=r"b\.txt: line 1 is '12:apple'"):
        read_vocabulary([tmp_path / "a.txt", tmp_path / "b.txt"])
    with pytest.raises(ValueError, match="the list of vocabularies is empty"):
        read_vocabulary([])


def test_things_and_stuff_together_know_every_name_of_context_and_voc() -> None:
    both = read_vocabulary(BOTH)
    assert len(both) > 1290
    context = {name: both.names[both.index(name)] for name in names("context")}
    assert context["motorbike"] == "motorcycle"
    assert context["tvmonitor"] == "television set"
    assert len(set(context.values())) == 59
    assert len({both.index(name) for name in names("voc")}) == 20


def names(file: str) -> tuple[str, ...]:
    return read_vocabulary(SHIPPED / f"{file}.txt").names


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a.txt", Path("a.txt")), ("[a.txt, b/c.txt]", [Path("a.txt"), Path("b/c.txt")])],
)
def test_the_command_line_takes_one_list_or_several(text: str, expected: object) -> None:
    parser = ArgumentParser()
    parser.add_argument("--vocabulary", type=VocabularyFiles)
    assert parser.parse_args([f"--vocabulary={text}"]).vocabulary == expected
