"""The files that a test on label maps leaves."""

import json
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer

from callbacks.label_overlay import label_colour
from callbacks.open_vocabulary_report import OpenVocabularyReport
from datamodules.label_set import LabelSet
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
    written(data, tmp_path / "run", OpenVocabularyReport())
    assert "PASCAL VOC 2012 (21), 1 photos" in capsys.readouterr().out
    return tmp_path / "run" / "report"


def written(data: LabelledPhotos, folder: Path, callback: OpenVocabularyReport) -> None:
    trainer = Trainer(logger=False, default_root_dir=folder, accelerator="cpu")
    trainer.datamodule = data  # type: ignore[attr-defined]  # as Trainer.test does
    module = Finished()
    callback.setup(trainer, module, "test")
    batch = next(iter(data.test_dataloader()))
    truth = batch.truth[0]
    outputs = [truth, truth.clamp(max=1)]
    callback.on_test_batch_end(trainer, module, outputs, batch.to_float(), 0)
    callback.on_test_end(trainer, module)


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


class WholeSet:
    """A set as large as PASCAL VOC's, of one photo over and over."""

    def __init__(self, root: Path) -> None:
        self.voc = PascalVOC(root)

    def find(self) -> LabelSet:
        labels = self.voc.find()
        return replace(labels, files=labels.files * 1449)


def test_published_rows_stand_beside_ours_with_protocol_and_source(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc", {"a": labels_of(0, 1, 2)})
    data = LabelledPhotos(test=WholeSet(tmp_path / "voc"), num_workers=0)
    data.setup("test")
    written(data, tmp_path / "run", OpenVocabularyReport())
    report = tmp_path / "run" / "report"
    text, page = ((report / name).read_text() for name in ("open_vocabulary.md", "index.html"))
    ours, _, theirs = text.partition("## Published")
    assert "| lists |" in ours
    assert "Compare rows of one protocol alone." in theirs
    (row,) = (line for line in theirs.splitlines() if line.startswith("| MagicSeg |"))
    cells = [cell.strip() for cell in row.split("|")]
    assert cells[2:4] == ["2026", "62.9"]
    assert cells[6].startswith("not stated")
    assert cells[7] == "abstract of the paper (TPAMI 2026)"
    for name in ("GroupViT", "TCL", "NACLIP", "CorrCLIP"):
        assert f"| {name}" in theirs
    above, _, below = unescape(page).partition('<h2 id="published">')
    assert "with synonyms" in above
    for cell in ("MagicSeg", "62.9", *cells[4:8]):
        assert f">{cell}</t" in below
    facts = json.loads((report / "open_vocabulary.json").read_text())
    (magicseg,) = (one for one in facts["published"] if one["name"] == "MagicSeg")
    assert magicseg["protocol"] == cells[6]
    assert magicseg["source"] == cells[7]


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


def test_the_page_shows_truth_and_finds_with_the_names_of_their_colours(report: Path) -> None:
    page = (report / "index.html").read_text()
    assert page.count("data:image/jpeg") == 4  # photo, truth, two protocols
    legend = page[page.index('class="legend"') :]
    legend = legend[: legend.index("</div>")]
    for label, name in ((1, "aeroplane"), (2, "bicycle")):
        assert f'style="background: rgb{label_colour(label)}"></span> {name}' in legend
    assert "mIoU 100.0" in page


def test_rows_of_another_run_on_the_same_photos_stand_beside(report: Path, tmp_path: Path) -> None:
    data = LabelledPhotos(test=PascalVOC(tmp_path / "voc"), num_workers=0)
    data.setup("test")
    other = report / "open_vocabulary.json"
    written(data, tmp_path / "own", OpenVocabularyReport([other]))
    facts = json.loads((tmp_path / "own" / "report" / "open_vocabulary.json").read_text())
    assert [(row["protocol"], row.get("run")) for row in facts["rows"]] == [
        ("plain", None),
        ("lists", None),
        ("plain", "run"),
        ("lists", "run"),
    ]
    assert "lists, scored by the run run" in (tmp_path / "own/report/index.html").read_text()
    # what that run has from others is not handed on
    third = OpenVocabularyReport([tmp_path / "own" / "report" / "open_vocabulary.json"])
    written(data, tmp_path / "third", third)
    facts = json.loads((tmp_path / "third" / "report" / "open_vocabulary.json").read_text())
    assert [row.get("run") for row in facts["rows"]] == [None, None, "own", "own"]


def test_a_run_on_other_photos_is_refused(report: Path, tmp_path: Path) -> None:
    write_voc(tmp_path / "two", {"a": labels_of(0, 1), "b": labels_of(0, 2)})
    data = LabelledPhotos(test=PascalVOC(tmp_path / "two"), num_workers=0)
    data.setup("test")
    trainer = Trainer(logger=False, default_root_dir=tmp_path, accelerator="cpu")
    trainer.datamodule = data  # type: ignore[attr-defined]
    other = report / "open_vocabulary.json"
    with pytest.raises(ValueError, match=r"1 photos, this test of .*, 2 photos: test both"):
        OpenVocabularyReport([other]).setup(trainer, Finished(), "test")
    other.write_text("[]")
    with pytest.raises(ValueError, match=r"is no open_vocabulary\.json of a report"):
        OpenVocabularyReport([other]).setup(trainer, Finished(), "test")
