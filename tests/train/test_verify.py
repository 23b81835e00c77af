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


def test_all_faults_are_told_where_their_list_cannot_be_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy_set(tmp_path, number=120)
    for path in (tmp_path / SHARDS).iterdir():
        (path / DONE).write_text("{}")
    (tmp_path / FAULTS).mkdir()  # no file can take its place: what a full disk is to others
    with pytest.raises(SystemExit) as leaving:
        main([str(tmp_path)])
    assert leaving.value.code == 1
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert len(lines) == 61
    assert lines[60].endswith("60 faults (0 pairs stand in 60 shards)")
    (line,) = captured.err.splitlines()
    assert line.startswith(f"note: {tmp_path / FAULTS} could not be brought up to date: ")


def test_whole_set_is_whole_where_an_old_list_cannot_be_taken_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy_set(tmp_path)
    (tmp_path / FAULTS).mkdir()
    main([str(tmp_path)])
    captured = capsys.readouterr()
    assert captured.out == f"{tmp_path}: whole, 4 pairs in 3 shards\n"
    assert "could not be brought up to date" in captured.err


def test_list_that_stands_is_not_written_again(tmp_path: Path) -> None:
    toy_set(tmp_path)
    (next((tmp_path / SHARDS).iterdir()) / DONE).write_text("{}")
    times = []
    for _ in range(2):
        with pytest.raises(SystemExit):
            main([str(tmp_path)])
        times.append((tmp_path / FAULTS).stat().st_ino)
    assert times[0] == times[1]


def test_folder_that_is_no_set_leaves_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([str(tmp_path)])
    assert leaving.value.code == 2
    assert "holds no plan.json" in capsys.readouterr().err
