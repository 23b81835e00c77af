"""What a report refuses, and what it leaves behind when it fails."""

from pathlib import Path

import pytest
from lightning.pytorch import Trainer

from callbacks import report_files
from callbacks.report import Report
from datamodules.batch import collate
from metrics.scores import Evaluated
from tests.callbacks.report_runs import Blobs, Guess, run

pytestmark = pytest.mark.filterwarnings("ignore:The 'test_dataloader' does not have many workers")


def test_an_image_that_is_tested_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'b' was tested twice"):
        run(tmp_path, Blobs(("a", "b", "b")))


def test_an_image_without_truth_is_refused() -> None:
    batch = collate([Blobs(("a",), labelled=False).view(0)])
    outputs = Evaluated(maps=[batch.mask[0]], scores=[])
    with pytest.raises(ValueError, match="'a' has no truth"):
        Report().on_test_batch_end(Trainer(logger=False), Guess(), outputs, batch, 0)


def test_a_test_step_that_returns_something_else_is_refused() -> None:
    batch = collate([Blobs(("a",)).view(0)])
    with pytest.raises(TypeError, match="got Batch and NoneType"):
        Report().on_test_batch_end(Trainer(logger=False), Guess(), None, batch, 0)


def test_a_folder_called_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rename its folder"):
        run(tmp_path, Blobs(("all/a",)))


@pytest.mark.parametrize(
    "text", [None, "{", "[]", '{"all": {"mae": "low"}}', '{"all": {"loss": 1}}']
)
def test_an_unusable_file_beside_is_refused_before_the_test(
    tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "metrics.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ValueError, match=r"metrics\.json"):
        Report({"other": str(file)}).setup(Trainer(logger=False), Guess(), "test")


def test_a_run_of_another_protocol_beside_is_refused_before_the_test(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text('{"all": {"mae": 0.5}}')
    (tmp_path / "protocol.txt").write_text("prompted: a box was given\n")
    beside = {"other": str(tmp_path / "metrics.json")}
    with pytest.raises(ValueError, match="this run and other were tested by two protocols"):
        Report(beside).setup(Trainer(logger=False), Guess(), "test")


def test_a_failed_write_leaves_the_old_report_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "index.html").write_text("old")

    def full(*_: object) -> str:
        raise OSError("no space left on device")

    monkeypatch.setattr(report_files, "page", full)
    with pytest.raises(OSError, match="no space"):
        run(tmp_path, Blobs(("other",)))
    assert (tmp_path / "report" / "index.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
