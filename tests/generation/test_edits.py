"""What every edit promises."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.sample import MaskKind, Provenance, Sample
from generation.edits.diffeomorphism import Diffeomorphism
from generation.edits.edit import WarpEdit, edited_id
from generation.edits.view_change import ViewChange
from generation.edits.warp import apply
from generation.procedural import ProceduralScenes

SCENES = ProceduralScenes(size=96)
SOURCE = SCENES.sample(SCENES.spec("train", 4), counterfactual=True)
EDITS: list[WarpEdit] = [Diffeomorphism(), ViewChange()]


def digest(sample: Sample) -> str:
    pixels = sample.image.numpy().tobytes() + sample.mask.numpy().tobytes()
    return hashlib.sha256(pixels).hexdigest()


def sample_of(mask: np.ndarray) -> Sample:
    return Sample(
        id="made",
        image=torch.from_numpy(np.repeat(mask[None], 3, axis=0)),
        mask=torch.from_numpy(mask),
        mask_kind=MaskKind.ALPHA,
        class_names=("thing",),
        provenance=Provenance(source="folder", licence="CC-BY-4.0"),
    )


@pytest.mark.parametrize("edit", EDITS)
def test_same_seed_gives_the_same_bytes_again_and_in_threads(edit: WarpEdit) -> None:
    here = [digest(edit(SOURCE, seed)) for seed in (3, 8)]
    assert here[0] != here[1]
    with ThreadPoolExecutor(2) as pool:
        drawn = pool.map(lambda seed: edit(SOURCE, seed), (8, 3))
        assert [digest(sample) for sample in drawn] == here[::-1]


@pytest.mark.slow
def test_same_seed_gives_the_same_bytes_in_another_process_with_two_threads() -> None:
    code = (
        "import hashlib, cv2, torch\n"
        "cv2.setNumThreads(2); torch.set_num_threads(2)\n"
        "from generation.edits.diffeomorphism import Diffeomorphism\n"
        "from generation.edits.view_change import ViewChange\n"
        "from generation.procedural import ProceduralScenes\n"
        "scenes = ProceduralScenes(size=96)\n"
        "source = scenes.sample(scenes.spec('train', 4), counterfactual=True)\n"
        "for edit in (Diffeomorphism(), ViewChange()):\n"
        "    made = edit(source, 3)\n"
        "    both = made.image.numpy().tobytes() + made.mask.numpy().tobytes()\n"
        "    print(hashlib.sha256(both).hexdigest())"
    )
    root = Path(__file__).parents[2]
    other = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert other.stdout.split() == [digest(edit(SOURCE, 3)) for edit in EDITS]


@pytest.mark.parametrize("edit", EDITS)
def test_edit_is_a_new_sample_that_names_its_parent(edit: WarpEdit) -> None:
    before = digest(SOURCE)
    made = edit(SOURCE, 5)
    assert digest(SOURCE) == before
    assert made.provenance.parents == (SOURCE.id,)
    assert made.provenance.licence == SOURCE.provenance.licence
    assert made.class_names == SOURCE.class_names
    assert made.seed == 5
    assert made.id.startswith(f"{SOURCE.id}~")


def test_ids_differ_by_seed_edit_and_parameters() -> None:
    edits = (
        *(Diffeomorphism(), Diffeomorphism(strength=0.04), Diffeomorphism(scale=0.5)),
        *(ViewChange(), ViewChange(azimuth=(0, 25))),
    )
    ids = {edit(SOURCE, seed).id for edit in edits for seed in (0, 1)}
    assert len(ids) == 10
    assert edited_id("a", "view()", 0) == edited_id("a", "view()", 0)


@pytest.mark.parametrize("edit", EDITS)
def test_image_mask_weight_and_counterfactual_move_by_the_field(edit: WarpEdit) -> None:
    weighted = replace(SOURCE, weight=SOURCE.image[1].clone())
    made, warp = edit(weighted, 2), edit.field(weighted, 2)
    assert made.weight is not None
    assert made.counterfactual is not None
    assert SOURCE.counterfactual is not None
    np.testing.assert_array_equal(made.mask, apply(SOURCE.mask.numpy(), warp))
    np.testing.assert_array_equal(made.weight, apply(SOURCE.image[1].numpy(), warp))
    np.testing.assert_array_equal(made.weight, made.image[1])
    for channel in range(3):
        np.testing.assert_array_equal(
            made.counterfactual[channel], apply(SOURCE.counterfactual[channel].numpy(), warp)
        )


@pytest.mark.parametrize("edit", EDITS)
def test_mask_moved_without_its_photo_is_the_same(edit: WarpEdit) -> None:
    whole = edit(SOURCE, 2)
    bare = edit.moved(SOURCE, edit.field(SOURCE, 2), 2, with_photo=False)
    assert bare.id == whole.id
    assert bare.provenance == whole.provenance
    np.testing.assert_array_equal(bare.mask, whole.mask)
    assert bare.image is SOURCE.image
    assert bare.counterfactual is SOURCE.counterfactual


@pytest.mark.parametrize("edit", EDITS)
def test_labels_and_empty_masks_are_refused_in_one_line(edit: WarpEdit) -> None:
    labels = replace(SOURCE, mask_kind=MaskKind.LABELS)
    faint = replace(SOURCE, mask=torch.full_like(SOURCE.mask, 127))
    for sample, message in ((labels, "alpha"), (faint, "empty")):
        with pytest.raises(ValueError, match=message) as caught:
            edit(sample, 0)
        assert "\n" not in str(caught.value)
        assert SOURCE.id in str(caught.value)


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (31, 2), (37, 53)])
def test_full_masks_and_lone_pixels_of_any_size_are_edited(
    edit: WarpEdit, size: tuple[int, int]
) -> None:
    full, lone = np.full(size, 255, np.uint8), np.zeros(size, np.uint8)
    lone[size[0] // 2, size[1] // 2] = 255
    for seed in range(3):
        assert (edit(sample_of(full), seed).mask == 255).all()
        made = edit(sample_of(lone), seed)
        assert np.isfinite(edit.field(sample_of(lone), seed).grid).all()
        assert made.mask.shape == size
        if min(size) > 30:
            assert made.mask.max() >= 64


@pytest.mark.parametrize("edit", EDITS)
def test_object_stays_inside_the_picture(edit: WarpEdit) -> None:
    mask = np.zeros((80, 100), np.uint8)
    mask[2:78, 3:96] = 255
    for seed in range(30):
        made = edit(sample_of(mask), seed).mask.numpy()
        rim = np.concatenate([made[0], made[-1], made[:, 0], made[:, -1]])
        assert (rim < 128).all()


@pytest.mark.parametrize("edit", EDITS)
def test_size_changes_resolution_only(edit: WarpEdit) -> None:
    large = ProceduralScenes(size=384)
    fine = large.sample(large.spec("train", 4)).mask.numpy()
    coarse = fine.reshape(96, 4, 96, 4).mean(axis=(1, 3)).round().astype(np.uint8)
    y, x = np.mgrid[:96, :96]
    still = np.stack([x, y], axis=2)
    for seed in range(4):
        from_fine = edit.field(sample_of(fine), seed).grid.reshape(96, 4, 96, 4, 2)
        expected = (from_fine.mean(axis=(1, 3)) - 1.5) / 4 - still
        found = edit.field(sample_of(coarse), seed).grid - still
        gaps = np.abs(found - expected)[edit(sample_of(coarse), seed).mask.numpy() > 127]
        assert gaps.max() < 0.7  # boxes and moments differ by part of a pixel
        assert gaps.mean() < 0.25
        assert np.abs(found).max() > 1.5
