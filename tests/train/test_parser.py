from typing import Any

import pytest

from train.errors import one_line
from train.parser import OneLineParser, UsageError


class Inner:
    def __init__(self, number: int = 1) -> None:
        self.number = number


class Middle:
    def __init__(
        self,
        inner: Inner | None = None,
        folder: str | None = "cache",
        sizes: dict[str, int | None] | None = None,
    ) -> None: ...


class Outer:
    def __init__(self, middle: Middle) -> None: ...


def parsed(*flags: str) -> Any:
    parser = OneLineParser(prog="python -m train")
    parser.add_subclass_arguments(Outer, "data")
    middle = {
        "class_path": f"{__name__}.Middle",
        "init_args": {"inner": {"class_path": f"{__name__}.Inner"}},
    }
    parser.set_defaults({"data": {"class_path": f"{__name__}.Outer"}})
    config = parser.parse_args(["--data.middle", str(middle), *flags])
    return config.data.init_args.middle.init_args


def test_null_reaches_a_class_within_a_class() -> None:
    assert parsed().inner is not None
    assert parsed("--data.middle.inner", "null").inner is None
    assert parsed("--data.middle.folder", "null").folder is None  # not a folder named None


def test_null_within_a_mapping_reaches_a_class_within_a_class() -> None:
    assert parsed("--data.middle.sizes", "{a: 1, b: null}").sizes == {"a": 1, "b": None}


def test_texts_and_numbers_reach_a_class_within_a_class_as_they_are() -> None:
    assert parsed("--data.middle.folder", "a=b {c").folder == "a=b {c"
    assert parsed("--data.middle.inner.number", "3").inner.init_args.number == 3


def test_what_may_be_meant_is_of_the_class_that_is_given_a_wrong_key() -> None:
    flags = ["--data.middle.inner.nummer", "3"]
    with pytest.raises(UsageError) as refusal:
        parsed(*flags)
    line = one_line(refusal.value.message, flags, refusal.value.known)
    assert line == "key 'data.middle.inner.nummer' is not known here: did you mean 'number'?"
