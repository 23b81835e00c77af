"""What the proof of open-vocabulary training is put together from."""

import math
from pathlib import Path

import pytest
import torch

from benchmarks.ablation_rows import Row
from benchmarks.open_vocabulary_data import OtherCounterfactual, SceneMaps
from benchmarks.open_vocabulary_plan import COUNTERFACTUAL, COUNTERFACTUAL_ARMS, NAMES, Run, plan
from benchmarks.open_vocabulary_runs import contrast_of, needed
from benchmarks.open_vocabulary_sets import Sets
from benchmarks.open_vocabulary_table import gap_of, show
from datamodules.generated_labels import GeneratedLabels
from generation.compositions import CompositionScenes
from lightningmodules.losses.counterfactual import CosineContrast, EmptyScene, PatchContrast
from tests.datamodules.generated_sets import toy_set
from tests.train.test_clip_seg_runs import chair


def test_every_run_has_a_name_of_its_own() -> None:
    keys = [run.key for run in plan()]
    assert len(set(keys)) == len(keys)


def test_arms_have_the_losses_they_are_named_after() -> None:
    kinds = {arm: [type(loss) for loss in contrast_of(arm).values()] for arm in COUNTERFACTUAL_ARMS}
    assert kinds["none"] == kinds["none twice"] == kinds["none from one half"] == []
    assert kinds["empty aligned"] == kinds["empty unaligned"] == [EmptyScene]
    assert kinds["paper unaligned"] == [CosineContrast]
    patch = contrast_of("ours unaligned")["patch"]
    assert isinstance(patch, PatchContrast)
    assert patch.outside == 0  # nothing is alike outside objects of other scenes


def test_pretrained_runs_begin_with_the_scenes_run_of_their_seed() -> None:
    run = Run(group="camvid", arm="5 %, pretrained", seed=2, percent=5)
    assert [other.key for other in needed(run)] == ["counterfactual-none-2"]
    assert needed(Run(group="camvid", arm="5 %, from CLIP", seed=2, percent=5)) == []


def test_half_of_the_names_have_masks(tmp_path: Path) -> None:
    sets = Sets(work=tmp_path, real={})
    half, every = (set(sets.names(Run(group=NAMES, arm=arm, seed=0))) for arm in ("half", "all"))
    assert half < every
    assert 2 * len(half) == len(every)


def test_unaligned_counterfactual_is_that_of_another_slot(tmp_path: Path) -> None:
    toy_set(tmp_path, 6, made=chair)
    data = GeneratedLabels([tmp_path], size=8, batch_size=1, num_workers=0)
    data.setup("fit")
    views = data.train_dataloader().dataset
    own, other = views[3].sample, OtherCounterfactual(views)[3].sample
    assert torch.equal(own.image, other.image)
    assert own.counterfactual is not None
    assert other.counterfactual is not None
    assert not torch.equal(own.counterfactual, other.counterfactual)


def test_scenes_without_objects_keep_the_list_of_names_and_nothing_else(tmp_path: Path) -> None:
    scenes = CompositionScenes(size=32)
    shown = CompositionScenes(size=32, names=["red metal bed", "blue brick table"])
    full = SceneMaps(tmp_path / "full", scenes, number=3, split="val", shown=shown).find()
    empty = SceneMaps(
        tmp_path / "empty", scenes, number=3, split="val", shown=shown, empty=True
    ).find()
    assert full.class_names == empty.class_names == ("background", *scenes.classes)
    expected = {full.class_names.index(name) for name in shown.classes}
    found = {int(v) for one in full.files for v in set(full.read_labels(one.labels).flat)}
    assert found == {0, *expected}
    assert all((empty.read_labels(one.labels) == 0).all() for one in empty.files)


def test_gap_is_the_mean_over_common_seeds_with_students_interval() -> None:
    one = {seed: {"x": value} for seed, value in enumerate((3.0, 5.0, 9.0))}
    other = {0: {"x": 1.0}, 1: {"x": 1.0}, 7: {"x": 0.0}}
    # gaps 2 and 4: mean 3, deviation sqrt 2, Student's .975 quantile of one degree 12.7062
    assert gap_of(one, other, "x") == f"+3.0000 +- {12.7062 * math.sqrt(2) / math.sqrt(2):.4f}"
    assert gap_of(one, {0: {"x": 1.0}}, "x") == ""


def test_table_shows_an_arm_with_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    scores = {"mean_iou": 0.5, "mean_boundary_iou": 0.25, "pixel_accuracy": 0.75}
    row: Row = {"group": COUNTERFACTUAL, "arm": "none", "seed": 0}
    show([row | {"scores": scores | {"found_in_empty": 0.125}}])
    assert "| none | 1 | 0.5000 | 0.2500 | 0.7500 | 0.1250 |  |" in capsys.readouterr().out
