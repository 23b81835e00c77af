"""Configurations that score open-vocabulary networks, run on a tiny set."""

import json
from pathlib import Path

import pytest

from tests.datamodules.labelled_data import labels_of, write_voc
from tests.generation.tiny_labelers import write_grounding_dino, write_sam
from train.cli import main

ROOT = Path(__file__).parents[2]
NAME = "open_vocabulary/training_free.yaml"


@pytest.mark.slow
def test_clip_without_training_is_scored_by_every_protocol(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc", {"a": labels_of(0, 1, 255, size=(40, 60))})
    write_voc(tmp_path / "voc", {"b": labels_of(0, 2, size=(40, 30))}, split="train")
    main(
        [
            *("test", "--config", str(ROOT / "configs" / NAME)),
            *("--config", str(ROOT / "tests" / "overlays" / NAME)),
            *("--data.train.root", str(tmp_path / "voc")),
            *("--data.test.root", str(tmp_path / "voc")),
            *("--trainer.default_root_dir", str(tmp_path / "run")),
        ]
    )
    facts = json.loads((tmp_path / "run" / "report" / "open_vocabulary.json").read_text())
    assert facts["set"] == "PASCAL VOC 2012 (21)"
    assert len(facts["rows"]) == 3
    assert all(0 <= row["mean_iou"] <= 1 for row in facts["rows"])
    assert facts["rows"][0]["threshold"] == 0.1


@pytest.mark.slow
def test_rows_of_the_teacher_stand_beside_those_of_a_network(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc", {"a": labels_of(0, 1, 255, size=(40, 60))})
    write_voc(tmp_path / "voc", {"b": labels_of(0, 2, size=(40, 30))}, split="train")
    models = {"detector": write_grounding_dino(tmp_path / "dino")}
    models |= {"segmenter": write_sam(tmp_path / "sam")}
    main(
        [
            *("test", "--config", str(ROOT / "configs" / "open_vocabulary" / "teacher.yaml")),
            *[
                argument
                for part, folder in models.items()
                for argument in (f"--model.labeler.{part}.model", str(folder))
            ],
            *("--data.test.root", str(tmp_path / "voc"), "--trainer.accelerator", "cpu"),
            *("--trainer.default_root_dir", str(tmp_path / "teacher"), "--data.num_workers", "0"),
        ]
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
    ]
    assert len(facts["rows"]) == 5
