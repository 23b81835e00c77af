import pytest

from datamodules.licence import asks_for_credit, objection, parts


@pytest.mark.parametrize(
    "licence", ["public domain", "CC0-1.0", "CC-BY-2.0", "MIT AND (CC-BY-SA-4.0 OR Apache-2.0)"]
)
def test_free_licence_meets_no_objection(licence: str) -> None:
    assert objection(licence) == ""


@pytest.mark.parametrize(
    ("licence", "why"),
    [
        ("", "the licence is not known"),
        (" () ", "the licence is not known"),
        ("CC-BY-NC-SA-4.0", "CC-BY-NC-SA-4.0 is for non-commercial use"),
        ("CC0-1.0 AND CC-BY-ND-2.0", "CC-BY-ND-2.0 allows no derivatives"),
        ("MIT OR DIS5K terms", "'DIS5K terms' is not known to allow it"),
        ("Non-Commercial research", "Non-Commercial research is for non-commercial use"),
        ("CC-BY-4.0-extra", "'CC-BY-4.0-extra' is not known to allow it"),
        ("mere MIT", "'mere MIT' is not known to allow it"),
    ],
)
def test_objection_names_the_part_at_fault(licence: str, why: str) -> None:
    assert objection(licence) == why


def test_credit_is_asked_for_by_one_part_of_many() -> None:
    assert asks_for_credit("CC0-1.0 AND CC-BY-2.0")
    assert not asks_for_credit("CC0-1.0 AND MIT")


def test_expression_falls_into_its_licences() -> None:
    assert parts("A AND (B OR C-D)") == ["A", "B", "C-D"]
    assert parts("public domain") == ["public domain"]
