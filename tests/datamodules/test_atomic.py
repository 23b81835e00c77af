import os
from pathlib import Path

from datamodules.atomic import remove_temporaries, write_atomically


def test_file_is_replaced_whole_and_nothing_stays_beside_it(tmp_path: Path) -> None:
    for data in (b"one", b""):
        write_atomically(tmp_path / "new" / "file.json", data)
        assert (tmp_path / "new" / "file.json").read_bytes() == data
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file.json"]


def test_old_temporaries_go_and_those_of_living_writers_stay(tmp_path: Path) -> None:
    names = ["plan.json", "plan.json.a1.tmp", "plan.json.b2.tmp"]
    for name in names:
        (tmp_path / name).touch()
    os.utime(tmp_path / names[0], (0, 0))
    os.utime(tmp_path / names[1], (0, 0))
    remove_temporaries(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [names[0], names[2]]


def test_temporary_that_vanishes_meanwhile_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "plan.json.a1.tmp").symlink_to(tmp_path / "gone")  # listed, and not to be looked at
    remove_temporaries(tmp_path)
    remove_temporaries(tmp_path / "missing")
