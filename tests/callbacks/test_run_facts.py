import subprocess
from pathlib import Path

import pytest

from callbacks import run_facts


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@b.c")
    monkeypatch.setattr(run_facts, "REPOSITORY", tmp_path)
    (tmp_path / "code.py").touch()
    for arguments in (["init", "-q"], ["add", "code.py"], ["commit", "-q", "-m", "all"]):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)
    return tmp_path


def test_an_untracked_note_is_no_changed_code(clone: Path) -> None:
    (clone / "notes.txt").touch()
    assert len(run_facts.commit()) == 40


def test_a_changed_file_is_counted(clone: Path) -> None:
    (clone / "code.py").write_text("1")
    assert run_facts.commit()[40:] == " with 1 changed file"


def test_an_untracked_module_may_have_run_and_is_counted(clone: Path) -> None:
    (clone / "code.py").write_text("1")
    for name in ("a.py", "b.py"):
        (clone / name).touch()
    assert run_facts.commit()[40:] == " with 1 changed file and 2 untracked modules"
