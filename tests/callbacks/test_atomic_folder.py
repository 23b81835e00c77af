from pathlib import Path

import pytest

from callbacks.atomic_folder import replace_folder


def test_folder_holds_the_new_files_and_no_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "folder"
    replace_folder(folder, {"old": b"1"})
    replace_folder(folder, {"new": b"2"})
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert (folder / "new").read_bytes() == b"2"
    assert list(folder.parent.iterdir()) == [folder]


def test_folder_stays_as_it_was_when_a_file_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    replace_folder(folder, {"old": b"1"})
    with pytest.raises(OSError, match="missing"):
        replace_folder(folder, {"new": b"2", "missing/file": b"3"})
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [folder]
