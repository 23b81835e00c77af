from pathlib import Path

import pytest

from callbacks import generation_progress
from callbacks.generation_progress import GenerationProgress
from datamodules.generation_plan import read_plan
from tests.datamodules.generated_sets import toy_set


def test_last_line_counts_what_other_processes_have_made_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generation_progress, "_SILENCE", -1.0)
    toy_set(tmp_path, last=1)
    progress = GenerationProgress(tmp_path, read_plan(tmp_path))
    toy_set(tmp_path, last=2)
    progress.update(2, 0)
    assert "4 of 5 pairs" in capsys.readouterr().err
    toy_set(tmp_path)
    progress.close()
    assert "5 of 5 pairs" in capsys.readouterr().err


def test_process_that_ends_before_the_others_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generation_progress, "_SILENCE", -1.0)
    toy_set(tmp_path, last=1)
    progress = GenerationProgress(tmp_path, read_plan(tmp_path))
    progress.update(1, 1)
    progress.close()
    assert capsys.readouterr().err.endswith(", when this process ended\n")
