"""Configurations that score open-vocabulary networks, run on a tiny set."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.datamodules.labelled_data import labels_of, write_coco, write_voc
from tests.train.launchers import DDP, lightning
from train.cli import main

ROOT = Path(__file__).parents[2]
OVERLAYS = ROOT / "tests" / "overlays"
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


def run_on(root: Path, method: str, name: str = "") -> dict[str, Any]:
    """Return the facts of a test of a configuration, over it that of a set."""
    folder = root / "run"
    configs = [f"open_vocabulary/{method}.yaml"]
    configs += [f"open_vocabulary/sets/{name}.yaml"] if name else []
    main(
        [
            "test",
            *[word for one in configs for word in ("--config", str(ROOT / "configs" / one))],
            *[word for one in configs for word in ("--config", str(OVERLAYS / one))],
            *("--trainer.default_root_dir", str(folder)),
        ]
    )
    facts: dict[str, Any] = json.loads((folder / "report" / "open_vocabulary.json").read_text())
    return facts


def write_set(root: Path, name: str) -> None:
    """Write a photo to test and one to train with, in the layout of the set."""
    maps = {"a": labels_of(0, 1, 255, size=(40, 60))}, {"b": labels_of(0, 2, size=(40, 30))}
    for of_split, voc, coco in zip(maps, ("val", "train"), ("val2017", "train2017"), strict=True):
        if name.startswith("coco"):
            write_coco(root, of_split, coco)
        elif name.startswith("context"):
            folder, lists = "SegmentationClassContext", "ImageSets/SegmentationContext"
            write_voc(root, of_split, split=voc, labels=folder, lists=lists)
        else:
            write_voc(root, of_split, split=voc)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "name", "title", "num_rows"),
    [
        ("training_free", "voc20", "PASCAL VOC 2012 (20)", 3),
        ("training_free", "context59", "PASCAL Context (59)", 2),
        ("clip_seg", "context60", "PASCAL Context (60)", 3),
        ("training_free", "coco_object", "COCO-Object (81)", 3),
        ("training_free", "coco_stuff", "COCO-Stuff (171)", 3),
    ],
)
def test_every_set_is_scored_by_its_protocols(
    method: str,
    name: str,
    title: str,
    num_rows: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_set(tmp_path / "set", name)
    (tmp_path / "datamodules").symlink_to(ROOT / "datamodules")  # the lists of words
    monkeypatch.chdir(tmp_path)
    facts = run_on(tmp_path, method, name)
    assert facts["set"] == title
    assert len(facts["rows"]) == num_rows
    assert all(row["protocol"].startswith(("SCLIP, ", "GroupViT, ")) for row in facts["rows"])
    assert not any("least_share=0.1" in row["description"] for row in facts["rows"])
    decision = "SigmoidDecision" if method == "clip_seg" else "SoftmaxDecision"
    assert all(decision in row["description"] for row in facts["rows"])
    assert all(0 <= row["mean_iou"] <= 1 for row in facts["rows"])


@pytest.mark.slow
def test_a_trained_network_is_scored_by_thresholds_of_training_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_set(tmp_path / "data" / "VOCdevkit" / "VOC2012", "voc21")
    (tmp_path / "datamodules").symlink_to(ROOT / "datamodules")
    monkeypatch.chdir(tmp_path)
    facts = run_on(tmp_path, "clip_seg")
    assert all("threshold from 200 training photos" in row["description"] for row in facts["rows"])


@pytest.mark.slow
def test_two_processes_choose_thresholds_and_score_as_one_does(tmp_path: Path) -> None:
    """Three photos to train on and five to test, so that the shares of the two are unequal."""
    voc = tmp_path / "voc"
    stripes = {
        "train": [(0, 1), (0, 2), (3, 0)],
        "val": [(0, 1, 255), (2, 0), (1, 2), (0, 3), (0,)],
    }
    for split, maps in stripes.items():
        sizes = [(24 + 8 * k, 40) for k in range(len(maps))]
        named = {
            f"{split}{k}": labels_of(*values, size=size)
            for k, (values, size) in enumerate(zip(maps, sizes, strict=True))
        }
        write_voc(voc, named, split=split)
    arguments = [
        *("test", "--config", str(ROOT / "configs" / NAME), "--config", str(OVERLAYS / NAME)),
        *("--data.train.root", str(voc), "--data.test.root", str(voc)),
    ]
    main([*arguments, "--trainer.default_root_dir", str(tmp_path / "one")])
    lightning([*arguments, "--config", DDP, "--trainer.default_root_dir", str(tmp_path / "two")])
    one, two = (
        json.loads((tmp_path / run / "report" / "open_vocabulary.json").read_text())
        for run in ("one", "two")
    )
    for facts in (one, two):
        assert facts["num_images"] == 5
        assert [row["threshold"] == 0.1 for row in facts["rows"]] == [True, False, False]
        classes = facts["per_class"]
        counted = {
            name: max(of["num_images"] for of in each.values()) for name, each in classes.items()
        }
        assert {name: number for name, number in counted.items() if number} == {
            "background": 4, "aeroplane": 2, "bicycle": 2, "bird": 1
        }  # fmt: skip
    assert one["rows"] == two["rows"]
    assert one["per_class"] == two["per_class"]
