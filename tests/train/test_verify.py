from pathlib import Path

import pytest

from datamodules.shards import DONE, SHARDS
from tests.datamodules.generated_sets import toy_set
from train.verify import FAULTS, main


def test_whole_set_leaves_with_nothing_to_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy_set(tmp_path)
    (tmp_path / FAULTS).write_text("of the last time")
    main([str(tmp_path)])
    assert capsys.readouterr().out == f"{tmp_path}: whole, 4 pairs in 3 shards\n"
    assert not (tmp_path / FAULTS).exists()


def test_unfinished_set_leaves_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toy_set(tmp_path, last=2)
    with pytest.raises(SystemExit) as leaving:
        main([str(tmp_path)])
    assert leaving.value.code == 1
    assert "unfinished, 1 shards with 1 pairs of the plan are missing" in capsys.readouterr().out


def test_long_list_is_cut_and_left_in_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy_set(tmp_path, number=120)
    for path in (tmp_path / SHARDS).iterdir():
        (path / DONE).write_text("{}")
    with pytest.raises(SystemExit) as leaving:
        main([str(tmp_path)])
    assert leaving.value.code == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 52
    assert lines[50] == f"... and 10 more, see {tmp_path / FAULTS}"
    assert lines[51].endswith("60 faults (0 pairs stand in 60 shards)")
    assert len((tmp_path / FAULTS).read_text().splitlines()) == 60


def test_folder_that_is_no_set_leaves_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([str(tmp_path)])
    assert leaving.value.code == 2
    assert "holds no plan.json" in capsys.readouterr().err
