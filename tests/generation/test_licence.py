import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.licence import joint_licence

LICENCES = st.lists(
    st.sampled_from(["MIT", "Apache-2.0", "MIT AND Apache-2.0", "MIT OR 0BSD", "(MIT OR 0BSD)"]),
    min_size=1,
)


@given(LICENCES)
def test_order_and_repetition_make_no_difference(licences: list[str]) -> None:
    found = joint_licence(*licences)
    assert joint_licence(*reversed(licences), *licences) == found


@given(LICENCES)
def test_one_that_is_unknown_leaves_all_unknown(licences: list[str]) -> None:
    assert joint_licence(*licences, "") == ""


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (["MIT"], "MIT"),
        (["B AND A", "A"], "A AND B"),
        (["A OR B", "C"], "(A OR B) AND C"),
        (["(A OR B)", "A OR B"], "A OR B"),
        (["(A OR B) AND (C OR D)", "E"], "((A OR B) AND (C OR D)) AND E"),
        (["LicenseRef-ORBIT AND MIT", "MIT"], "LicenseRef-ORBIT AND MIT"),
    ],
)
def test_terms_stand_once_and_choices_apart(licences: list[str], expected: str) -> None:
    assert joint_licence(*licences) == expected
