from pathlib import Path

import pytest
from torch.utils.data import DataLoader, Dataset

from datamodules.decode import DecodeError
from datamodules.problems import DatasetError
from train.errors import one_line, without_worker


class Broken(Dataset[int]):
    """Fails at every item, as a broken file does: with an error that has a cause."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        try:
            raise OSError("the disk says: no")
        except OSError as cause:
            raise self.error from cause


def said(error: Exception, num_workers: int) -> str:
    with pytest.raises(type(error)) as raised:
        next(iter(DataLoader(Broken(error), num_workers=num_workers)))
    return without_worker(str(raised.value))


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


def test_reason_of_a_part_within_a_part_is_all_that_is_said() -> None:
    message = """Does not validate against any of the Union subtypes
  Subtypes: [<class 'lightning.LightningModule'>, <class 'NoneType'>]
  Errors:
    - Does not validate against any of the Union subtypes
      Subtypes: [<class 'generation.Painter'>, <class 'NoneType'>]
      Errors:
        - model 'a/b' is nowhere
        - Expected a <class 'NoneType'>
      Given value type: <class 'jsonargparse._namespace.Namespace'>
      Given value: Namespace(class_path='generation.Painter')
    - Expected a <class 'NoneType'>
  Given value type: <class 'jsonargparse._namespace.Namespace'>
  Given value: Namespace(class_path='lightning.Module', init_args=Namespace(painter=Namespace()))"""
    assert one_line(message) == "model 'a/b' is nowhere"


def test_unknown_key_is_found_in_the_configuration_file(tmp_path: Path) -> None:
    config = tmp_path / "a.yaml"
    config.write_text("data:\n  init_args:\n    rooot: x\n")
    line = one_line("Option 'rooot' is not accepted", ["fit", "--config", str(config)])
    assert line == f"key 'rooot' is not known here ({config}:3)"


def test_unknown_key_is_named_with_its_path_and_what_may_be_meant() -> None:
    line = one_line(
        "Option 'nummer' is not accepted",
        ["predict", "--data.source.nummer=20"],
        known=["number", "scenes"],
    )
    assert line == "key 'data.source.nummer' is not known here: did you mean 'number'?"


def test_missing_command_lists_all_commands() -> None:
    line = one_line('expected "subcommand" to be one of {fit,predict}, but it was not provided.')
    assert line == "give a command first: fit, predict, verify, audit, export, demo, page"


@pytest.mark.parametrize("choices", ["'fit', 'predict'", "fit, predict"])  # Python 3.11, 3.12
def test_unknown_command_lists_all_commands(choices: str) -> None:
    line = one_line(f"argument subcommand: invalid choice: 'verfy' (choose from {choices})")
    assert line == "'verfy' is no command: give fit, predict, verify, audit, export, demo or page"


def test_other_messages_become_one_line() -> None:
    assert one_line("a\n  b\n") == "a b"


@pytest.mark.slow
@pytest.mark.parametrize(
    "error",
    [
        DecodeError("im/a.jpg: cannot be decoded"),
        DatasetError("2 problems:\n  im/a.jpg: no mask\n  im/b.jpg: no mask"),
        ValueError("gt: a mask of 3 x 4 px for 5 x 4"),
    ],
)
@pytest.mark.parametrize("num_workers", [0, 1])
def test_error_of_a_worker_says_what_it_says_in_the_main_process(
    error: Exception, num_workers: int
) -> None:
    assert said(error, num_workers) == str(error)
