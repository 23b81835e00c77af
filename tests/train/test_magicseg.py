"""From procedural pairs with counterfactuals to a scored segmenter of named classes, offline."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from callbacks.counterfactual_sheet import outside_difference
from datamodules.sample import MaskKind, Sample
from datamodules.shard_index import index_of
from datamodules.shards import ShardReader, published_shards
from datamodules.vocabulary import read_vocabulary
from generation.labelers.grounding_dino import GroundingDino
from tests.generation.tiny_labelers import write_grounding_dino, write_sam
from tests.generation.tiny_pipelines import save_sd15
from train.cli import main
from train.verify import main as verify

CONFIGS = Path(__file__).parents[2] / "configs"
INPAINTING = "stable-diffusion-v1-5/stable-diffusion-inpainting"
SMALL = {
    "class_path": "networks.clip_model.small_clip",
    "init_args": {"width": 32, "num_layers": 1, "patch_size": 8, "image_size": 32, "dim": 32},
}


def make_pairs(folder: Path, *, number: int = 6, size: int = 32) -> None:
    main(
        [
            *("predict", "--config", str(CONFIGS / "generation" / "magicseg_quickstart.yaml")),
            *("--data.folder", str(folder), "--data.shard_size", "4", "--data.num_workers", "0"),
            *("--data.source.number", str(number), "--data.source.scenes.size", str(size)),
            *("--trainer.accelerator", "cpu", "--trainer.default_root_dir", f"{folder}.run"),
        ]
    )


@pytest.mark.slow
def test_quickstart_goes_from_pairs_over_training_to_a_report(tmp_path: Path) -> None:
    pairs, run = tmp_path / "pairs", tmp_path / "run"
    make_pairs(pairs)
    verify([str(pairs)])
    for made in ("counterfactuals.png", "page/index.html", "classes/classes.json"):
        assert (pairs / made).is_file()
    clip = json.dumps(SMALL)
    small = ["--model.net.clip", clip, "--trainer.accelerator", "cpu", "--data.num_workers", "0"]
    main(
        [
            *("fit", "--config", str(CONFIGS / "clip_seg" / "quickstart.yaml"), *small),
            *("--data.roots", f"[{pairs}]", "--data.size", "32", "--data.batch_size", "2"),
            *("--data.val_share", "0.2", "--trainer.default_root_dir", str(run)),
            *("--trainer.max_steps", "2", "--trainer.val_check_interval", "2"),
            *("--trainer.enable_progress_bar", "false"),
        ]
    )
    scenes = json.dumps({"size": 32})
    main(
        [
            *("test", "--config", str(CONFIGS / "open_vocabulary" / "quickstart.yaml"), *small),
            *("--model.net.weights", str(run / "weights.safetensors")),
            *("--data.train.root", str(tmp_path / "maps"), "--data.train.number", "3"),
            *("--data.test.root", str(tmp_path / "maps"), "--data.test.number", "3"),
            *("--data.train.scenes", scenes, "--data.test.scenes", scenes),
            *("--trainer.enable_progress_bar", "false"),
            *("--trainer.default_root_dir", str(tmp_path / "test")),
        ]
    )
    facts = json.loads((tmp_path / "test" / "report" / "open_vocabulary.json").read_text())
    assert facts["num_images"] == 3
    page = (tmp_path / "test" / "report" / "index.html").read_text()
    assert page.count("labels found over the photo") == 3
    # two steps teach nothing; but what is reported belongs together
    (row,) = facts["rows"]
    (protocol,) = {name for of_class in facts["per_class"].values() for name in of_class}
    ious = [of_class[protocol]["iou"] for of_class in facts["per_class"].values()]
    assert row["protocol"] == protocol
    assert row["mean_iou"] == pytest.approx(sum(ious) / len(ious))
    assert "threshold from 64 training photos" in row["description"]
    assert row["threshold"] * 100 == pytest.approx(round(row["threshold"] * 100), abs=1e-4)
    truths = {name for name, of in facts["per_class"].items() if of[protocol]["num_images"]}
    names = read_vocabulary(CONFIGS.parent / "generation" / "objects" / "composed.txt").names
    assert "background" in truths
    assert len(truths) > 1
    assert truths <= {"background", *names}


@pytest.mark.slow
def test_pairs_hold_labels_and_aligned_counterfactuals(tmp_path: Path) -> None:
    make_pairs(tmp_path / "pairs", number=8, size=128)  # as shipped: in 32 pixels JPEG blurs all
    pairs = kept_pairs(tmp_path / "pairs")
    assert pairs
    for record, pair in pairs:
        assert pair.mask_kind is MaskKind.LABELS
        assert pair.mask.max() == len(pair.class_names) - 1
        assert record["scores"]["alignment"] <= 6
        assert outside_difference(pair) < 8  # as stored: JPEG adds to edges
    rejected = [each for s in index_of(tmp_path / "pairs").shards for each in s.rejected]
    assert {each[1] for each in rejected} <= {"Alignment"}
    assert len(rejected) < len(pairs)


def with_tiny_models(folder: Path, name: str = "magicseg.yaml") -> dict[str, Any]:
    """A configuration of the hub with random models, few steps and two classes."""
    models = {
        "stable-diffusion-v1-5/stable-diffusion-v1-5": save_sd15(folder / "sd15"),
        "IDEA-Research/grounding-dino-base": write_grounding_dino(folder / "dino"),
        "facebook/sam-vit-huge": write_sam(folder / "sam"),
    }
    text = (CONFIGS / "generation" / name).read_text()
    for model, place in models.items():
        assert model in text
        text = text.replace(f"model: {model}", f"model: {place}")
    text = text.replace(f"model: {INPAINTING}", f"model: {folder / 'sd15' / 'sd15'}")
    config: dict[str, Any] = yaml.safe_load(text)
    config["trainer"] |= {"accelerator": "cpu", "precision": "32-true"}
    config["trainer"]["default_root_dir"] = str(folder / "run")
    model = config["model"]["init_args"]
    model["painter"]["init_args"] |= {"size": 32, "sampling": {"steps": 2, "guidance": 2.0}}
    names = folder / "names.txt"
    names.write_text("cat\nhat\n")
    data = config["data"]["init_args"]
    data |= {"folder": str(folder / "set"), "shard_size": 2, "num_workers": 0}
    data["source"]["init_args"] |= {"vocabulary": str(names), "number": 4, "size": 32}
    return config


def predict(config: dict[str, Any], folder: Path) -> None:
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(config))
    main(["predict", "--config", str(path)])


@pytest.mark.slow
def test_configuration_of_the_hub_runs_with_models_of_its_layout(tmp_path: Path) -> None:
    predict(with_tiny_models(tmp_path), tmp_path)
    shards = index_of(tmp_path / "set").shards
    # random models find what they find; each pair is kept or has a reason
    made = [id for shard in shards for id in shard.ids]
    rejected = [each for shard in shards for each in shard.rejected]
    assert len(made) + len(rejected) == 4
    assert {each[1] for each in rejected} <= {
        "GroundedSegmenter",
        "Blankness",
        "Alignment",
        "Absence",
    }


def kept_pairs(folder: Path) -> list[tuple[dict[str, Any], Sample]]:
    """What is known of each published pair, and its pixels."""
    readers = [ShardReader(folder, shard) for shard in published_shards(folder)]
    return [(reader.pairs[k], reader.sample(k)) for reader in readers for k in range(len(reader))]


@pytest.mark.slow
def test_pair_of_the_hub_is_kept_with_labels_counterfactual_and_both_scores(tmp_path: Path) -> None:
    config = with_tiny_models(tmp_path)
    model, data = config["model"]["init_args"], config["data"]["init_args"]
    # random models change everything and find everything: all is kept, with its scores
    model["filters"][1]["init_args"] = {"max_difference": 255.0}
    model["filters"][2]["init_args"]["min_absence"] = 0.0
    data["source"]["init_args"]["two_share"] = 0.0
    writer = config["trainer"]["callbacks"][0]
    writer["init_args"] = {"image_format": "png"}  # what is read is what was judged
    predict(config, tmp_path)
    pairs = kept_pairs(tmp_path / "set")
    assert pairs
    detector = GroundingDino(str(tmp_path / "dino"))
    for record, pair in pairs:
        assert pair.class_names in {("background", "cat"), ("background", "hat")}
        assert pair.class_names[1] in pair.prompt
        assert pair.mask_kind is MaskKind.LABELS
        assert pair.mask.unique().tolist() == [0, 1]
        assert pair.weight is not None
        assert pair.counterfactual is not None
        outside = pair.mask.numpy() == 0
        image, other = (x.numpy().astype(float) for x in (pair.image, pair.counterfactual))
        assert 0 < np.abs(image - other)[:, outside].mean() < 255
        scores = record["scores"]
        assert scores["alignment"] == pytest.approx(np.abs(image - other)[:, outside].mean())
        (found,) = detector.detect([pair.counterfactual], [pair.class_names[1:]])
        assert scores["absence"] == pytest.approx(1 - float(found.best.max()), abs=1e-5)
        assert [edit.partition("(")[0] for edit in pair.provenance.edits] == ["painted"]
        assert len(pair.provenance.models) == 3  # painter, detector, segmenter
        assert "LicenseRef-CreativeML-OpenRAIL-M" in pair.provenance.licence


@pytest.mark.slow
def test_labelled_objects_are_painted_over_from_names_alone(tmp_path: Path) -> None:
    config = with_tiny_models(tmp_path, "magicseg_removal.yaml")
    model = config["model"]["init_args"]
    model["remover"]["init_args"]["sampling"] = {"steps": 2, "guidance": 2.0}
    # random models find something everywhere, if hardly any score is asked for
    detector = model["labeler"]["init_args"]["detector"]["init_args"]
    detector |= {"box_threshold": 0.01, "text_threshold": 0.01}
    model["filters"] = []
    config["data"]["init_args"]["source"]["init_args"]["two_share"] = 0.0
    predict(config, tmp_path)
    made = kept_pairs(tmp_path / "set")
    assert made
    for _, pair in made:
        assert pair.counterfactual is not None
        assert not torch.equal(pair.counterfactual, pair.image)
        assert [edit.partition("(")[0] for edit in pair.provenance.edits] == ["painted", "removed"]


@pytest.mark.slow
def test_names_become_cutouts_that_a_network_trains_on(tmp_path: Path) -> None:
    pairs, cutouts, made = (tmp_path / name for name in ("pairs", "cutouts", "made"))
    make_pairs(pairs, number=8)
    main(
        [
            *("predict", "--config", str(CONFIGS / "generation" / "names_to_cutouts.yaml")),
            *("--data.source.source.sets", f"[{pairs}]", "--data.source.root", str(cutouts)),
            *("--data.folder", str(made), "--data.num_workers", "0", "--data.source.cache", "null"),
            *("--data.source.topology", "null", "--data.source.size", "32"),
            *("--trainer.accelerator", "cpu", "--trainer.default_root_dir", f"{made}.run"),
        ]
    )
    assert {path.name for path in cutouts.iterdir() if path.is_dir()} == {
        "DIS-TR",
        "DIS-VD",
        "DIS-TE1",
    }
    sets = json.dumps([{"root": str(made)}])
    share = {"class_path": "datamodules.mixture_share.Constant", "init_args": {"value": 0.5}}
    main(
        [
            *("fit", "--config", str(CONFIGS / "dis" / "unet.yaml"), "--data.root", str(cutouts)),
            *("--data.mixture", f"{{share: {json.dumps(share)}, sets: {sets}}}"),
            *("--data.size", "32", "--data.batch_size", "2", "--data.num_workers", "0"),
            *("--data.cache", str(tmp_path / "cache"), "--trainer.accelerator", "cpu"),
            *("--trainer.max_steps", "2", "--trainer.val_check_interval", "2"),
            *("--trainer.enable_progress_bar", "false"),
            *("--trainer.default_root_dir", str(tmp_path / "run")),
        ]
    )
    assert (tmp_path / "run" / "weights.safetensors").is_file()
    assert (tmp_path / "run" / "checkpoints" / "best.ckpt").is_file()
