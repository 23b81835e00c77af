import pytest

from datamodules.held_out import HeldOut

HELD_OUT = HeldOut(
    {
        "DIS-VD/chair": "DIS-VD",
        "DIS-TE1/lamp": "DIS-TE1",
        "DIS-TE1/IMG~1": "DIS-TE1",
        "stool": "DIS-VD",
    }
)


@pytest.mark.parametrize(
    ("id", "parents", "sources"),
    [
        ("x~1", ["DIS-VD/chair"], ["DIS-VD/chair"]),
        ("x~1", ["DIS-TR/sofa", "DIS-TE1/lamp"], ["DIS-TE1/lamp"]),  # as a background
        ("x~1", ["DIS-TR/chair"], []),  # another photo of that name
        ("chair~1", ["DIS-TR/chair"], []),
        ("x~1", ["chair"], ["DIS-VD/chair"]),  # names no set
        ("x~1", ["DIS-VD/stool"], ["stool"]),
        ("chair~view-1~warp-2", [], ["DIS-VD/chair"]),
        ("DIS-TR/chair~1", [], []),
        ("DIS-VD/chair~1", [], ["DIS-VD/chair"]),
        ("chair", [], []),  # pixels tell
        ("armchair~1", [], []),
        ("IMG~1~3f2a", [], ["DIS-TE1/IMG~1"]),  # the photo's name has one, too
        ("IMG~1~view-1~warp-2", [], ["DIS-TE1/IMG~1"]),
        ("IMG~2~3f2a", [], []),
        ("x~1", ["DIS-TE1/IMG~1"], ["DIS-TE1/IMG~1"]),
        ("chair~1", ["made/chair~3f2a"], ["DIS-VD/chair"]),  # an edit of an edit
        ("x~1", ["made/sofa~3f2a", "DIS-TR/chair"], []),
    ],
)
def test_sources_are_found_by_id_and_by_name_where_no_set_is_named(
    id: str, parents: list[str], sources: list[str]
) -> None:
    assert HELD_OUT.sources(id, parents) == sources


def test_name_without_a_set_means_all_photos_of_that_name() -> None:
    held_out = HeldOut({"DIS-VD/chair": "DIS-VD", "DIS-TE1/chair": "DIS-TE1"})
    assert held_out.sources("chair~1", []) == ["DIS-TE1/chair", "DIS-VD/chair"]


def test_nothing_is_held_out_of_nothing() -> None:
    assert HeldOut({}).sources("chair~1", ["a/chair"]) == []
