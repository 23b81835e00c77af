import hashlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from datamodules.sample import MaskKind, Sample
from generation.objects import CLASSES
from generation.procedural import ProceduralScenes
from generation.scenes.render import render
from generation.scenes.spec import SceneSpec

SCENES = ProceduralScenes(size=96)
SHARP = ProceduralScenes(size=160)


def digest(sample: Sample) -> str:
    return hashlib.sha256(
        sample.image.numpy().tobytes() + sample.mask.numpy().tobytes()
    ).hexdigest()


def unblurred(scene: SceneSpec) -> SceneSpec:
    return replace(scene, film=replace(scene.film, softness=0.0))


def test_same_index_gives_the_same_bytes_again_and_in_threads() -> None:
    here = [digest(SCENES.sample(SCENES.spec("train", index))) for index in (3, 8)]
    with ThreadPoolExecutor(2) as pool:
        drawn = pool.map(lambda index: SCENES.sample(SCENES.spec("train", index)), (8, 3))
        assert [digest(sample) for sample in drawn] == here[::-1]


@pytest.mark.slow
def test_same_index_gives_the_same_bytes_in_another_process() -> None:
    code = (
        "import hashlib\n"
        "from generation.procedural import ProceduralScenes\n"
        "scenes = ProceduralScenes(size=96)\n"
        "sample = scenes.sample(scenes.spec('train', 3))\n"
        "both = sample.image.numpy().tobytes() + sample.mask.numpy().tobytes()\n"
        "print(hashlib.sha256(both).hexdigest())"
    )
    root = Path(__file__).parents[2]
    other = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == digest(SCENES.sample(SCENES.spec("train", 3)))


def test_index_split_and_seed_each_change_the_scene() -> None:
    specs = [
        SCENES.spec("train", 0),
        SCENES.spec("train", len(CLASSES)),
        SCENES.spec("val", 0),
        ProceduralScenes(seed=1).spec("train", 0),
    ]
    assert len({digest(SCENES.sample(spec)) for spec in specs}) == 4


def test_size_changes_resolution_only() -> None:
    scene = unblurred(SCENES.spec("train", 5))
    small, large = render(scene, 64).alpha / 255.0, render(scene, 256).alpha / 255.0
    pooled = large.reshape(64, 4, 64, 4).mean(axis=(1, 3))
    assert np.abs(small - pooled).mean() < 0.005


@pytest.mark.parametrize("index", range(len(CLASSES)))
def test_mask_is_soft_fits_the_frame_and_is_exact(index: int) -> None:
    scene = unblurred(SHARP.spec("train", index))
    alpha = render(scene, 160).alpha
    assert len(np.unique(alpha)) >= 14
    assert 0.01 < (alpha > 127).mean() < 0.7
    border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    assert not border.any()
    reference = render(scene, 160, samples=16).alpha
    assert np.abs(alpha.astype(int) - reference).mean() < 1.0
    assert alpha.mean() == pytest.approx(reference.mean(), rel=0.01)


@pytest.mark.parametrize(
    "name",
    ["bench", "bicycle", "birdcage", "basket", "chair", "fan", "fence", "gate", "ladder", "rack"],
)
def test_mask_has_holes(name: str) -> None:
    scenes = ProceduralScenes(size=256, classes=[name])
    holes = []
    for index in range(4):
        mask = scenes.sample(scenes.spec("train", index)).mask.numpy() > 127
        holes.append(ndimage.label(~mask)[1] - 1)
    assert sorted(holes)[1] >= 1, holes  # one view in four may look along the object


@pytest.mark.parametrize("index", [1, 3, 20])
def test_counterfactual_is_the_image_outside_object_and_shadow(index: int) -> None:
    drawn = render(SCENES.spec("train", index), 96, counterfactual=True)
    assert drawn.counterfactual is not None
    outside = (drawn.alpha == 0) & (drawn.shadow == 0)
    np.testing.assert_array_equal(drawn.image[outside], drawn.counterfactual[outside])
    inside = drawn.alpha == 255
    assert (drawn.image[inside] != drawn.counterfactual[inside]).any(axis=1).mean() > 0.8


def test_shadow_only_darkens() -> None:
    scene = SCENES.spec("train", 1)
    drawn = render(scene, 96, counterfactual=True)
    assert drawn.counterfactual is not None
    shaded = (drawn.alpha == 0) & (drawn.shadow > 20)
    assert shaded.sum() > 20
    assert (drawn.image[shaded] <= drawn.counterfactual[shaded]).all()


@pytest.mark.parametrize("index", range(4))
def test_label_map_agrees_with_the_masks_of_its_objects(index: int) -> None:
    scene = unblurred(SHARP.crowd("train", index))
    labelled = SHARP.labelled(scene)
    labels = labelled.mask.numpy()
    assert labelled.mask_kind is MaskKind.LABELS
    assert labelled.class_names == ("background", *(item.class_name for item in scene.objects))
    alone = [render(replace(scene, objects=(item,)), 160).alpha for item in scene.objects]
    for value, alpha in enumerate(alone, 1):
        assert (alpha[labels == value] > 0).all()
        others = np.max([a for k, a in enumerate(alone, 1) if k != value], axis=0)
        assert (labels[(alpha > 140) & (others == 0)] == value).all()
    assert not np.max(alone, axis=0)[labels == 0].min()
    together = SHARP.sample(scene).mask.numpy()
    assert (together >= np.max(alone, axis=0).astype(int) - 1).all()


def test_nearer_object_hides_the_farther_in_the_label_map() -> None:
    table = SHARP.spec("train", list(CLASSES).index("table"))
    camera = replace(table.camera, azimuth=0.0, elevation=5.0, radius=8.0, target=(0.0, 0.4, 0.0))
    near = replace(table.objects[0], position=(0.0, 1.2))
    far = replace(table.objects[0], position=(0.0, -1.2))
    scene = unblurred(replace(table, camera=camera, objects=(far, near)))
    labels = render(scene, 160, labels=True).labels
    alone = render(replace(scene, objects=(near,)), 160).alpha
    assert labels is not None
    assert (labels[alone == 255] == 2).all()
    assert (labels == 1).any()


def test_two_objects_of_one_class_share_a_label() -> None:
    scene = SCENES.crowd("train", 0)
    twice = replace(scene, objects=(scene.objects[0], scene.objects[0]))
    assert len(SCENES.labelled(twice).class_names) == 2


def test_other_view_keeps_all_but_the_camera() -> None:
    scene = SCENES.spec("train", 2)
    other = SCENES.other_view(scene, 0)
    assert replace(other, id=scene.id, camera=scene.camera) == scene
    assert other.camera != scene.camera
    assert other.id != scene.id


def test_other_proportions_keep_all_but_lengths() -> None:
    scene = SCENES.spec("train", 2)
    other = SCENES.other_proportions(scene, 0)
    assert other.objects[0].proportions != scene.objects[0].proportions
    assert other.objects[0].appearance == scene.objects[0].appearance
    assert replace(other, id=scene.id, objects=scene.objects) == scene


@pytest.mark.slow
def test_test_split_holds_out_views_lights_and_pictures() -> None:
    def facts(split: str) -> list[tuple[float, float, float, set[str]]]:
        scenes = [SCENES.spec(split, index) for index in range(20)]
        return [
            (
                min(s.camera.azimuth % 180, 180 - s.camera.azimuth % 180),
                s.camera.elevation,
                s.light.elevation,
                {s.background.wall.name, s.background.ground.name}
                | {finish.tile for finish in s.objects[0].appearance.values()},
            )
            for s in scenes
        ]

    test, names = facts("test"), set()
    for azimuth, elevation, light, used in test:
        assert 26 <= azimuth <= 39
        assert elevation >= 23
        assert light >= 62
        names |= used
    for split in ("train", "val"):
        for azimuth, elevation, light, used in facts(split):
            assert azimuth <= 25 or azimuth >= 40
            assert elevation <= 22
            assert light <= 60
            assert not used & names


def test_objects_colours_overlap_the_background() -> None:
    def spread_of_means(values: np.ndarray) -> float:
        return float(np.std(values))

    objects, grounds = [], []
    for index in range(32):
        drawn = render(SCENES.spec("train", index), 64)
        objects.append(drawn.image[drawn.alpha > 200].mean())
        grounds.append(drawn.image[drawn.alpha == 0].mean())
    gap = abs(np.mean(objects) - np.mean(grounds))
    assert gap < spread_of_means(np.array(objects)) + spread_of_means(np.array(grounds))


def test_sample_is_complete_and_its_id_is_a_dis5k_name() -> None:
    sample = SCENES.sample(SCENES.spec("val", 2), counterfactual=True)
    assert sample.id == "1#Furniture#2#Bench#bench_val_000002"
    assert sample.class_names == ("bench",)
    assert sample.mask_kind is MaskKind.ALPHA
    assert sample.counterfactual is not None
    assert sample.image.shape == (3, 96, 96)
    assert sample.image.dtype == torch.uint8
    assert sample.provenance.source == "procedural"
    assert sample.seed >= 0


def test_smallest_and_odd_sizes_are_drawn() -> None:
    for size in (8, 33):
        scenes = ProceduralScenes(size=size)
        assert scenes.sample(scenes.spec("train", 0)).mask.shape == (size, size)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 4}, "size is 4"),
        ({"classes": ["chair", "cow"]}, "'cow'"),
        ({"classes": []}, "empty"),
    ],
)
def test_wrong_arguments_are_refused_with_the_cure(
    arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ProceduralScenes(**arguments)


def test_crowd_of_more_objects_than_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="there are 1 classes"):
        ProceduralScenes(classes=["chair"]).crowd("train", 0, num_objects=2)
