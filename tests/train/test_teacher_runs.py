"""Configurations that score the teacher, a detector with a segmenter, run on tiny sets."""

import json
import string
from pathlib import Path

import pytest

from tests.datamodules.labelled_data import labels_of, write_voc
from tests.generation.tiny_labelers import write_grounding_dino, write_sam
from train.cli import main

ROOT = Path(__file__).parents[2]
NAME = "open_vocabulary/training_free.yaml"


def score_teacher(folder: Path, config: str, *flags: str) -> None:
    """Test a teacher's configuration with tiny random models; its run is a folder of its name."""
    models = {"detector": write_grounding_dino(folder / "dino")}
    models |= {"segmenter": write_sam(folder / "sam")}
    main(
        [
            *("test", "--config", str(ROOT / "configs" / "open_vocabulary" / f"{config}.yaml")),
            *[
                argument
                for part, place in models.items()
                for argument in (f"--model.labeler.{part}.model", str(place))
            ],
            *("--trainer.default_root_dir", str(folder / config), "--data.num_workers", "0"),
            *("--trainer.accelerator", "cpu", *flags),
        ]
    )


@pytest.mark.slow
def test_rows_of_the_teacher_stand_beside_those_of_a_network(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc", {"a": labels_of(0, 1, 255, size=(40, 60))})
    write_voc(tmp_path / "voc", {"b": labels_of(0, 2, size=(40, 30))}, split="train")
    words = tmp_path / "words.txt"  # the tiny detector reads few letters at once
    words.write_text(
        "".join(f"{letter}, {letter}{letter}\n" for letter in string.ascii_letters[:20])
    )
    score_teacher(
        tmp_path,
        "teacher",
        *("--data.test.root", str(tmp_path / "voc"), "--model.vocabulary", str(words)),
    )
    report = tmp_path / "teacher" / "report" / "open_vocabulary.json"
    main(
        [
            *("test", "--config", str(ROOT / "configs" / NAME)),
            *("--config", str(ROOT / "tests" / "overlays" / NAME)),
            *("--data.train.root", str(tmp_path / "voc")),
            *("--data.test.root", str(tmp_path / "voc")),
            *("--trainer.callbacks.beside", f"[{report}]"),
            *("--trainer.default_root_dir", str(tmp_path / "run")),
        ]
    )
    facts = json.loads((tmp_path / "run" / "report" / "open_vocabulary.json").read_text())
    assert [row["protocol"] for row in facts["rows"] if row.get("run") == "teacher"] == [
        "teacher, told all names",
        "teacher, told names in the photo",
        "teacher, told all names by words.txt",
        "teacher, told names in the photo by words.txt",
    ]
    assert len(facts["rows"]) == 7


@pytest.mark.slow
def test_masks_of_the_teacher_are_measured_by_exact_label_maps(tmp_path: Path) -> None:
    scenes = json.dumps({"size": 32, "classes": ["bed", "fan"]})
    score_teacher(
        tmp_path,
        "teacher_procedural",
        *("--data.test.root", str(tmp_path / "maps"), "--data.test.number", "2"),
        *("--data.test.scenes", scenes),
    )
    report = tmp_path / "teacher_procedural" / "report" / "open_vocabulary.json"
    facts = json.loads(report.read_text())
    assert facts["num_images"] == 2
    assert len(facts["rows"]) == 2
    assert all(0 <= row["mean_boundary_iou"] <= 1 for row in facts["rows"])
