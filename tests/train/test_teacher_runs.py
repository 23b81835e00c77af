"""Configurations that score the teacher, a detector with a segmenter, run on tiny sets."""

import json
import string
from pathlib import Path

import pytest

from datamodules.vocabulary import read_vocabulary
from generation.labelers.labeler import MAX_CLASSES
from generation.labelers.phrases import phrases
from tests.datamodules.labelled_data import labels_of, write_voc
from tests.generation.tiny_labelers import write_grounding_dino, write_sam
from tests.train.test_open_vocabulary_runs import write_set
from train.cli import main

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs" / "open_vocabulary"
NAME = "open_vocabulary/training_free.yaml"


def score_teacher(folder: Path, config: str, *flags: str) -> None:
    """Test a teacher's configuration with tiny random models; its run is a folder of its name.

    A configuration of a set comes after it, separated by a plus.
    """
    config, _, of_set = config.partition("+")
    models = {"detector": reading_more(write_grounding_dino(folder / "dino"))}
    models |= {"segmenter": write_sam(folder / "sam")}
    main(
        [
            *("test", "--config", str(CONFIGS / f"{config}.yaml")),
            *(("--config", str(CONFIGS / "sets" / f"{of_set}.yaml")) if of_set else ()),
            *[
                argument
                for part, place in models.items()
                for argument in (f"--model.labeler.{part}.model", str(place))
            ],
            *("--trainer.default_root_dir", str(folder / config), "--data.num_workers", "0"),
            *("--trainer.accelerator", "cpu", *flags),
        ]
    )


def reading_more(detector: Path) -> Path:
    """Let the tiny detector read "building-other" and "person in sweater" letter by letter."""
    for name, old, new in (
        ("config.json", '"max_text_len": 16', '"max_text_len": 30'),
        ("tokenizer.json", '"[unused999]"', '"-"'),
    ):
        text = (detector / name).read_text()
        assert old in text
        (detector / name).write_text(text.replace(old, new))
    return detector


@pytest.mark.slow
def test_rows_of_the_teacher_stand_beside_those_of_a_network(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc", {"a": labels_of(0, 1, 255, size=(40, 60))})
    write_voc(tmp_path / "voc", {"b": labels_of(0, 2, size=(40, 30))}, split="train")
    words = tmp_path / "words.txt"  # the tiny detector reads few letters at once
    words.write_text(
        "".join(f"{letter}, {letter}{letter}\n" for letter in string.ascii_letters[:20])
    )
    protocols = json.dumps(
        [
            {
                "class_path": "lightningmodules.evaluation_protocol.SCLIPProtocol",
                "init_args": {
                    "decision": {"class_path": "lightningmodules.label_decision.SigmoidDecision"},
                    "vocabulary": vocabulary,
                },
            }
            for vocabulary in (None, str(words))
        ]
    )
    score_teacher(
        tmp_path,
        "teacher",
        *("--data.test.root", str(tmp_path / "voc"), "--model.protocols", protocols),
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


@pytest.mark.parametrize("path", sorted((ROOT / "datamodules/vocabularies").glob("*_sclip.txt")))
def test_a_teacher_can_be_told_every_list_at_once(path: Path) -> None:
    if not path.name.startswith("background"):
        texts = read_vocabulary(path).phrases().texts
        assert len(set(phrases(texts))) == len(texts) <= MAX_CLASSES


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "title", "lists"),
    [
        ("voc20", "PASCAL VOC 2012 (20)", [" by voc_sclip.txt", ""]),
        ("context59", "PASCAL Context (59)", [""]),
        ("context60", "PASCAL Context (60)", [""]),
        ("coco_object", "COCO-Object (81)", [" by coco_object_sclip.txt", ""]),
        ("coco_stuff", "COCO-Stuff (171)", [" by coco_stuff_sclip.txt", ""]),
    ],
)
def test_the_teacher_is_scored_on_every_set(
    name: str, title: str, lists: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_set(tmp_path / "set", name)
    (tmp_path / "datamodules").symlink_to(ROOT / "datamodules")  # the lists of words
    monkeypatch.chdir(tmp_path)
    has_background = name in ("context60", "coco_object")
    splits = ("test", "train") if has_background else ("test",)
    roots = [word for split in splits for word in (f"--data.{split}.root", "set")]
    score_teacher(tmp_path, f"teacher+{name}", *roots, "--model.told", "[names in the photo]")
    report = tmp_path / "teacher" / "report" / "open_vocabulary.json"
    facts = json.loads(report.read_text())
    assert facts["set"] == title
    assert [row["protocol"] for row in facts["rows"]] == [
        f"teacher, told names in the photo{by}" for by in lists
    ]
    assert ("background" in facts["per_class"]) == has_background


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
