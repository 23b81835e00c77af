from pathlib import Path

from train.errors import one_line


def test_union_error_is_reduced_to_key_reasons_and_value() -> None:
    message = """Parser key "size":
  Does not validate against any of the Union subtypes
  Subtypes: [<class 'int'>, tuple[int, int]]
  Errors:
    - Expected a <class 'int'>
    - Expected a <class 'tuple'>
    - Expected a <class 'NoneType'>
  Given value type: <class 'str'>
  Given value: abc"""
    assert one_line(message) == "key 'size': expected int; expected tuple. Got abc"


def test_unknown_key_is_found_in_the_configuration_file(tmp_path: Path) -> None:
    config = tmp_path / "a.yaml"
    config.write_text("data:\n  init_args:\n    rooot: x\n")
    line = one_line("Option 'rooot' is not accepted", ["fit", "--config", str(config)])
    assert line == f"key 'rooot' is not known here ({config}:3)"


def test_other_messages_become_one_line() -> None:
    assert one_line("a\n  b\n") == "a b"
