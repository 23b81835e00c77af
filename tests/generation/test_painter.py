import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import cv2
import numpy as np
import pytest
import torch

from datamodules.sample import MaskKind, Provenance, Sample
from generation.edits.diffeomorphism import Diffeomorphism
from generation.edits.warp import Warp
from generation.painters.painter import PaintError
from generation.painters.warp_painter import WarpPainter
from generation.procedural import ProceduralScenes

PLAIN = WarpPainter(0, softness=0, num_decoys=0)


def identity(height: int, width: int) -> Warp:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return Warp(grid=np.dstack([x, y]), visible=np.ones((height, width), np.bool_))


def shifted(warp: Warp, x: float, y: float) -> Warp:
    return replace(warp, grid=warp.grid - np.array((x, y), np.float32))


def pair(id: str, image: np.ndarray, mask: np.ndarray, licence: str = "MIT") -> Sample:
    return Sample(
        id=id,
        image=torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))),
        mask=torch.from_numpy(mask),
        mask_kind=MaskKind.ALPHA,
        class_names=("disc",),
        provenance=Provenance(source="test", licence=licence),
    )


def disc(id: str, back: int, front: int, *, at: int = 32, size: int = 64, **kw: str) -> Sample:
    """A grey disc on grey, with soft edges; image and mask agree exactly."""
    mask = np.zeros((8 * size, 8 * size), np.uint8)
    cv2.circle(mask, (8 * at, 8 * size // 2), 8 * size // 5, 255, -1)
    mask = cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA)
    alpha = mask[..., None] / 255
    image = np.round(back + alpha * (front - back)).repeat(3, axis=2).astype(np.uint8)
    return pair(id, image, mask, **kw)


def pixels(sample: Sample) -> np.ndarray:
    return sample.image.numpy().transpose(1, 2, 0).astype(int)


def test_photo_stays_where_nothing_moves() -> None:
    scenes = ProceduralScenes(size=96)
    sample = scenes.sample(scenes.spec("train", 3))
    painted = PLAIN.paint(sample, sample, warp=identity(96, 96), background=None, seed=1)
    assert np.abs(pixels(painted) - pixels(sample)).mean() < 1.5


def test_moved_disc_is_the_disc_drawn_there() -> None:
    source, there = disc("a", 60, 200), disc("b", 60, 200, at=38)
    warp = shifted(identity(64, 64), 6, 0)
    painted = PLAIN.paint(source, there, warp=warp, background=None, seed=1)
    assert np.abs(pixels(painted) - pixels(there)).max() <= 3
    assert painted.mask is there.mask


def test_disc_before_another_background_shows_no_rim_of_the_old() -> None:
    source, other = disc("a", 60, 200), disc("b", 180, 20)
    painted = PLAIN.paint(source, source, warp=identity(64, 64), background=other, seed=1)
    alpha = source.mask.numpy()[..., None] / 255
    # the light of the brighter background lifts the disc
    front = pixels(painted)[32, 32]
    expected = 180 + alpha * (front - 180)
    # relighting is not linear, so soft edges differ by a little; a rim of the old by half of 120
    assert np.abs(pixels(painted) - expected).max() <= 0.1 * 120
    assert (front > 200).all()


def test_object_follows_a_mask_that_was_changed_beyond_the_warp() -> None:
    source, wider = disc("a", 60, 200), disc("b", 60, 200)
    grown = cv2.dilate(source.mask.numpy(), np.ones((7, 7), np.uint8))
    grown[:, :30] = 0
    edited = replace(wider, mask=torch.from_numpy(grown))
    painted = PLAIN.paint(source, edited, warp=identity(64, 64), background=None, seed=1)
    shown = pixels(painted)[..., 0]
    assert np.abs(shown[grown == 255] - 200).max() <= 8
    assert np.abs(shown[:, :26] - 60).max() <= 8


def test_what_was_not_in_view_continues_what_was() -> None:
    source = disc("a", 60, 200)
    warp = identity(64, 64)
    warp.visible[28:36, 28:36] = False
    warp.grid[28:36, 28:36] = 0  # a guess that leads to the background
    painted = PLAIN.paint(source, source, warp=warp, background=None, seed=1)
    assert np.abs(pixels(painted)[28:36, 28:36] - 200).max() <= 3


def test_record_names_parents_and_joint_licence() -> None:
    source, other = disc("a", 60, 200), disc("b", 90, 20, licence="CC0-1.0")
    arguments = {"warp": identity(64, 64), "seed": 1}
    painted = PLAIN.paint(source, source, background=other, **arguments)
    assert painted.provenance.parents == ("a", "b")
    assert painted.provenance.licence == "CC0-1.0 AND MIT"
    unknown = PLAIN.paint(source, source, background=disc("c", 1, 2, licence=""), **arguments)
    assert unknown.provenance.licence == ""
    ids = {
        painted.id,
        unknown.id,
        PLAIN.paint(source, source, background=None, **arguments).id,
        WarpPainter(1).paint(source, source, background=None, **arguments).id,
    }
    assert len(ids) == 4
    assert all(id.startswith("a~warp-") for id in ids)


def test_background_of_another_size_is_fitted() -> None:
    other = disc("b", 120, 20, size=150)
    painted = PLAIN.paint(
        disc("a", 60, 200), disc("a", 60, 200), warp=identity(64, 64), background=other, seed=1
    )
    assert np.abs(pixels(painted)[0, 0] - 120).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 5), (33, 70)])
def test_any_size_and_a_full_mask_are_painted(size: tuple[int, int]) -> None:
    full = np.full(size, 255, np.uint8)
    sample = pair("a", np.full((*size, 3), 90, np.uint8), full)
    one = np.zeros(size, np.uint8)
    one[0, 0] = 255
    for mask in (full, one, 0 * one):
        edited = replace(sample, mask=torch.from_numpy(mask))
        painted = WarpPainter().paint(sample, edited, warp=identity(*size), background=None, seed=1)
        assert painted.image.shape == (3, *size)
        if size != (1, 1) and mask.all():
            assert np.abs(pixels(painted) - 90).max() <= 1


def test_mistakes_are_named() -> None:
    source = disc("a", 60, 200)
    empty = replace(source, mask=0 * source.mask)
    labels = replace(source, mask_kind=MaskKind.LABELS)
    with pytest.raises(PaintError, match="empty mask"):
        PLAIN.paint(empty, empty, warp=identity(64, 64), background=None, seed=1)
    with pytest.raises(PaintError, match="sizes"):
        PLAIN.paint(source, source, warp=identity(32, 64), background=None, seed=1)
    with pytest.raises(PaintError, match="labels"):
        PLAIN.paint(source, source, warp=identity(64, 64), background=labels, seed=1)
    with pytest.raises(ValueError, match="negative"):
        WarpPainter(-1)


def test_decoys_change_the_picture_but_not_at_the_outline() -> None:
    scenes = ProceduralScenes(size=128)
    sample = scenes.sample(scenes.spec("train", 3))
    warp = identity(128, 128)
    plain = PLAIN.paint(sample, sample, warp=warp, background=None, seed=1)
    strewn = WarpPainter(0, softness=0, num_decoys=8).paint(
        sample, sample, warp=warp, background=None, seed=1
    )
    changed = (pixels(plain) != pixels(strewn)).any(axis=2)
    assert changed.mean() > 0.02
    mask = sample.mask.numpy()
    edge = cv2.dilate(mask, np.ones((3, 3))) != cv2.erode(mask, np.ones((3, 3)))
    assert not changed[edge].any()


_DIGEST = """
import sys
import cv2, torch
from hashlib import sha256
threads = int(sys.argv[1])
cv2.setNumThreads(threads); torch.set_num_threads(threads)
from generation.edits.diffeomorphism import Diffeomorphism
from generation.painters.warp_painter import WarpPainter
from generation.procedural import ProceduralScenes
scenes = ProceduralScenes(size=160)
one, two = (scenes.sample(scenes.spec("train", k)) for k in (0, 5))
edit = Diffeomorphism()
painted = WarpPainter().paint(
    one, edit(one, 3), warp=edit.field(one, 3), background=two, seed=9
)
print(sha256(painted.image.numpy().tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_bytes_are_the_same_in_processes_of_one_and_two_threads() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", _DIGEST, threads], check=True, capture_output=True, text=True
        ).stdout
        for threads in ("1", "2")
    }
    assert len(digests) == 1


def test_seed_decides_the_pixels() -> None:
    scenes = ProceduralScenes(size=96)
    sample = scenes.sample(scenes.spec("train", 0))
    edit = Diffeomorphism()
    edited, warp = edit(sample, 3), edit.field(sample, 3)

    def digest(seed: int) -> str:
        painted = WarpPainter().paint(sample, edited, warp=warp, background=None, seed=seed)
        return sha256(painted.image.numpy().tobytes()).hexdigest()

    assert digest(1) == digest(1)
    assert digest(1) != digest(2)
