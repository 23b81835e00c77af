"""The files that a test on label maps leaves."""

import json
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer

from callbacks.open_vocabulary_report import OpenVocabularyReport
from datamodules.labelled_photos import LabelledPhotos
from datamodules.voc import PascalVOC
from metrics.semantic import SemanticMetrics
from tests.datamodules.labelled_data import labels_of, write_voc


class Finished(LightningModule):
    """What a test leaves behind: two protocols on photos of stripes."""

    def __init__(self) -> None:
        super().__init__()
        truth = torch.from_numpy(labels_of(0, 1, 2))
        self.results = {}
        for name, found in (("plain", truth.clone()), ("lists", truth.clamp(max=1))):
            metric = SemanticMetrics(21)
            metric.update([found], [truth])
            self.results[name] = metric.compute() | metric.per_class()
        self.descriptions = {"plain": "as they are", "lists": "with synonyms"}


@pytest.fixture
def report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    write_voc(tmp_path / "voc", {"a": labels_of(0, 1, 2)})
    data = LabelledPhotos(test=PascalVOC(tmp_path / "voc"), num_workers=0)
    data.setup("test")
    trainer = Trainer(logger=False, default_root_dir=tmp_path / "run", accelerator="cpu")
    trainer.datamodule = data  # type: ignore[attr-defined]  # as Trainer.test does
    callback, module = OpenVocabularyReport(), Finished()
    callback.setup(trainer, module, "test")
    callback.on_test_end(trainer, module)
    assert "PASCAL VOC 2012 (21), 1 photos" in capsys.readouterr().out
    return tmp_path / "run" / "report"


def test_numbers_of_each_protocol_and_class_are_kept(report: Path) -> None:
    facts = json.loads((report / "open_vocabulary.json").read_text())
    assert [row["protocol"] for row in facts["rows"]] == ["plain", "lists"]
    assert facts["rows"][0]["mean_iou"] == 1
    assert facts["rows"][0]["frequent_iou"] is None  # no class is in ten photos
    assert list(facts["per_class"]) == ["background", "aeroplane", "bicycle"]
    assert facts["per_class"]["bicycle"]["lists"]["iou"] == 0
    assert facts["per_class"]["bicycle"]["plain"]["num_images"] == 1


def test_a_part_of_the_public_set_stands_without_published_rows(report: Path) -> None:
    assert json.loads((report / "open_vocabulary.json").read_text())["published"] == []
    assert "Published" not in (report / "open_vocabulary.md").read_text()


def test_the_page_says_what_each_protocol_fixed(report: Path) -> None:
    page = (report / "open_vocabulary.md").read_text()
    assert "| plain | 100.0 |" in page
    assert "- lists: with synonyms" in page
    assert "| bicycle | 1 | 100.0 | 0.0 |" in page


def test_another_module_is_refused_before_the_test(tmp_path: Path) -> None:
    trainer = Trainer(logger=False, default_root_dir=tmp_path, accelerator="cpu")
    trainer.datamodule = LabelledPhotos()  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"OpenVocabularyReport needs .*, got LightningModule"):
        OpenVocabularyReport().setup(trainer, LightningModule(), "test")
