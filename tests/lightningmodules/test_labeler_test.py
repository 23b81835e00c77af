"""Toy labelers scored from files to numbers."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from lightning.pytorch import Trainer

from datamodules.label_folder import LabelFolder
from datamodules.labelled_photos import LabelledPhotos
from datamodules.voc import PascalVOC
from generation.labelers.grounded import GroundedSegmenter
from lightningmodules.evaluation_protocol import EvaluationProtocol, SCLIPProtocol
from lightningmodules.label_decision import SigmoidDecision
from lightningmodules.labeler_test import LabelerTest, Told
from tests.datamodules.labelled_data import labels_of, write_voc
from tests.generation.toy_labelers import BrightBoxes, WholeBoxes

NAMES = ("background", "bed", "fan", "gate")


def write(root: Path, photos: dict[str, tuple[np.ndarray, np.ndarray]]) -> Path:
    """Photos of which red says what `BrightBoxes` finds, beside their label maps."""
    for folder in ("im", "labels"):
        (root / "test" / folder).mkdir(parents=True)
    for name, (red, labels) in photos.items():
        photo = np.zeros((*red.shape, 3), np.uint8)
        photo[..., 2] = red  # OpenCV writes blue first
        cv2.imwrite(str(root / "test" / "im" / f"{name}.png"), photo)
        cv2.imwrite(str(root / "test" / "labels" / f"{name}.png"), labels.astype(np.uint8))
    (root / "classes.txt").write_text("\n".join(NAMES))
    return root


def scored(
    data: LabelledPhotos, folder: Path, *told: Told, protocols: Sequence[EvaluationProtocol] = ()
) -> tuple[LabelerTest, dict[str, float]]:
    labeler = GroundedSegmenter(BrightBoxes(), WholeBoxes())
    model = LabelerTest(labeler, told=told, protocols=protocols)
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=folder,
    )
    (logged,) = trainer.test(model, datamodule=data, verbose=False)
    return model, dict(logged)


def by_words(path: Path | None) -> EvaluationProtocol:
    return EvaluationProtocol(name="any", decision=SigmoidDecision(), vocabulary=path)


def test_a_labeler_is_scored_by_what_it_is_told(tmp_path: Path) -> None:
    red, labels = np.zeros((8, 10), np.uint8), np.zeros((8, 10), np.uint8)
    red[1:5, 1:5], labels[1:5, 1:5] = 28, 2  # of all names the second; told one alone, nothing
    empty = np.zeros((6, 6), np.uint8)
    root = write(tmp_path / "set", {"a": (red, labels), "b": (empty, empty)})
    data = LabelledPhotos(test=LabelFolder(root, "test"), num_workers=0)
    model, logged = scored(data, tmp_path, "all names", "names in the photo")
    assert logged["test/teacher, told all names/mean_iou"] == 1
    # 28 is no class of one alone: the 16 pixels of 116 are taken for background
    row = "test/teacher, told names in the photo/mean_iou"
    assert logged[row] == pytest.approx((100 / 116 + 0) / 2)
    assert list(model.results) == list(model.descriptions)
    description = model.descriptions["teacher, told all names"]
    assert description == "told all names; by bright@1, box@1"
    iou = model.results["teacher, told all names"]["iou"]
    assert iou[[0, 2]].tolist() == [1, 1]
    assert iou[[1, 3]].isnan().all()


def test_labels_of_a_few_told_names_are_those_of_the_set(tmp_path: Path) -> None:
    red, labels = np.zeros((8, 10), np.uint8), np.zeros((8, 10), np.uint8)
    red[1:5, 1:5], labels[1:5, 1:5] = 18, 2  # told "fan" and "gate", it finds the first
    red[6:, 6:], labels[6:, 6:] = 28, 3
    root = write(tmp_path / "set", {"a": (red, labels)})
    data = LabelledPhotos(test=LabelFolder(root, "test"), num_workers=0)
    _, logged = scored(data, tmp_path, "names in the photo")
    assert set(logged.values()) == {1}


def test_words_of_a_list_make_rows_of_their_own_beside_plain_names(tmp_path: Path) -> None:
    red, labels = np.zeros((8, 10), np.uint8), np.zeros((8, 10), np.uint8)
    # of bed, cot, bunk, fan and gate the third and the fourth; of the plain names the third alone
    red[1:5, 1:5], labels[1:5, 1:5] = 38, 1
    red[6:, 6:], labels[6:, 6:] = 48, 2
    root = write(tmp_path / "set", {"a": (red, labels)})
    words = tmp_path / "words.txt"
    words.write_text("bed, cot, bunk\nfan\ngate\n")
    data = LabelledPhotos(test=LabelFolder(root, "test"), num_workers=0)
    protocols = [by_words(None), by_words(words), by_words(None)]
    model, logged = scored(data, tmp_path, "all names", "names in the photo", protocols=protocols)
    assert list(model.results) == [
        "teacher, told all names",
        "teacher, told names in the photo",
        "teacher, told all names by words.txt",
        "teacher, told names in the photo by words.txt",
    ]
    assert logged["test/teacher, told all names by words.txt/mean_iou"] == 1
    assert logged["test/teacher, told names in the photo by words.txt/mean_iou"] == 1
    assert logged["test/teacher, told all names/mean_iou"] < 0.5


def test_a_list_of_another_set_is_refused(tmp_path: Path) -> None:
    plain = np.zeros((8, 8), np.uint8)
    root = write(tmp_path / "set", {"a": (plain, plain)})
    (tmp_path / "words.txt").write_text("bed\nfan\n")
    data = LabelledPhotos(test=LabelFolder(root, "test"), num_workers=0)
    with pytest.raises(ValueError, match=r"words.txt names 2 classes, .* has 3 without"):
        scored(data, tmp_path, "all names", protocols=[by_words(tmp_path / "words.txt")])


def test_words_for_background_are_not_looked_for(tmp_path: Path) -> None:
    red, labels = np.zeros((8, 10), np.uint8), np.zeros((8, 10), np.uint8)
    red[1:5, 1:5], labels[1:5, 1:5] = 18, 1  # the first that is looked for
    root = write(tmp_path / "set", {"a": (red, labels)})
    (tmp_path / "background.txt").write_text("nothing\n")  # the toy refuses it
    data = LabelledPhotos(test=LabelFolder(root, "test"), num_workers=0)
    protocol = SCLIPProtocol(SigmoidDecision(), background=tmp_path / "background.txt")
    _, logged = scored(data, tmp_path, "all names", protocols=[protocol])
    assert logged["test/teacher, told all names/mean_iou"] == 1


def test_on_a_set_without_background_pixels_without_a_label_are_missed(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "voc", {"a": labels_of(1, 2)}, suffix=".png")
    photo = np.zeros((6, 8, 3), np.uint8)
    photo[:, :4, 2] = 18  # the first of the names, on its half; nothing on the other
    cv2.imwrite(str(root / "JPEGImages" / "a.png"), photo)
    data = LabelledPhotos(test=PascalVOC(root, background=False), num_workers=0)
    model, logged = scored(data, tmp_path, "all names")
    assert logged["test/teacher, told all names/mean_iou"] == 0.5
    assert logged["test/teacher, told all names/pixel_accuracy"] == 0.5
    assert model.descriptions["teacher, told all names"].endswith("without a label are missed")
    iou = model.results["teacher, told all names"]["iou"]
    assert iou[0].isnan()
    assert iou[1:3].tolist() == [1, 0]


@pytest.mark.parametrize("told", [(), ("all names", "all names")])
def test_each_way_of_telling_comes_once(told: tuple[Told, ...]) -> None:
    with pytest.raises(ValueError, match="give one or more, each once"):
        LabelerTest(GroundedSegmenter(BrightBoxes(), WholeBoxes()), told=told)
