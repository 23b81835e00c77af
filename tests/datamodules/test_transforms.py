import os
import pickle
import subprocess
import sys
from pathlib import Path

import albumentations as A
import numpy as np
import pytest
from jsonargparse import ArgumentParser
from numpy.typing import NDArray

from datamodules.planes import Planes
from datamodules.sample import MaskKind
from datamodules.transforms import JointTransform

SHAPE = (48, 64)


def planes(*, mask: NDArray[np.uint8] | None = None, has_counterfactual: bool = False) -> Planes:
    """A photo whose every channel equals its mask, so that both must move alike."""
    if mask is None:
        mask = np.zeros(SHAPE, np.uint8)
        mask[10:30, 20:40] = 255
    image = np.repeat(mask[..., None], 3, axis=2)
    return Planes(
        image=image,
        mask=mask,
        weight=None,
        counterfactual=image.copy() if has_counterfactual else None,
    )


GEOMETRIC = [
    A.HorizontalFlip(p=1.0),
    A.RandomCrop(24, 24),
    A.RandomResizedCrop((32, 32), scale=(0.5, 1.0)),
    A.RandomScale(scale_limit=(0.1, 0.3), p=1.0),
    A.Rotate(limit=(20, 20), p=1.0),
    A.Affine(scale=(0.7, 1.2), rotate=(-20, 20), p=1.0),
    A.Perspective(scale=(0.1, 0.2), p=1.0),
    A.ElasticTransform(alpha=40, sigma=5, p=1.0),
]


@pytest.mark.parametrize("transform", GEOMETRIC, ids=lambda t: type(t).__name__)
def test_alpha_mask_moves_exactly_as_its_photo(transform: A.BasicTransform) -> None:
    result = JointTransform([transform])(planes(), 3)
    assert np.abs(result.mask.astype(int) - result.image[..., 0]).max() <= 1
    assert result.mask.shape == result.image.shape[:2]


@pytest.mark.parametrize("transform", GEOMETRIC[4:], ids=lambda t: type(t).__name__)
def test_alpha_mask_gets_soft_edges_and_labels_stay_labels(transform: A.BasicTransform) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[10:30, 20:40] = 200
    soft = JointTransform([transform])(planes(mask=mask), 3).mask
    labels = JointTransform([transform], mask_kind=MaskKind.LABELS)(planes(mask=mask), 3).mask
    assert len(np.unique(soft)) > 2
    assert set(np.unique(labels)) == {0, 200}


def test_soft_edge_survives_a_flip_exactly() -> None:
    ramp = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
    result = JointTransform([A.HorizontalFlip(p=1.0)])(planes(mask=ramp), 0)
    assert np.array_equal(result.mask, ramp[:, ::-1])


@pytest.mark.parametrize(
    "transform",
    [
        A.Rotate(limit=(30, 30), p=1.0),
        A.Affine(translate_percent=(0.2, 0.2), p=1.0),
        A.Perspective(scale=(0.2, 0.2), fit_output=True, p=1.0),
    ],
    ids=lambda t: type(t).__name__,
)
def test_pixels_from_outside_the_photo_do_not_count(transform: A.BasicTransform) -> None:
    everywhere = planes(mask=np.full(SHAPE, 255, np.uint8))
    result = JointTransform([transform])(everywhere, 1)
    assert result.weight is not None
    assert result.weight.min() == 0
    # the photo is white: what is black came from outside
    assert np.array_equal(result.weight, result.image[..., 0])


def test_pixels_from_a_reflecting_border_count() -> None:
    result = JointTransform([A.Rotate(limit=(30, 30), border_mode=4, p=1.0)])(planes(), 1)
    assert result.weight is None


def test_given_weight_moves_with_the_mask() -> None:
    source = planes()
    weighted = Planes(image=source.image, mask=source.mask, weight=source.mask)
    result = JointTransform([A.RandomCrop(24, 24)])(weighted, 5)
    assert np.array_equal(result.weight, result.mask)


@pytest.mark.parametrize(
    "transform",
    [
        A.ColorJitter(p=1.0),
        A.GaussNoise(p=1.0),
        A.ISONoise(p=1.0),
        A.GaussianBlur(p=1.0),
        A.ImageCompression(p=1.0),
        A.RandomBrightnessContrast(p=1.0),
    ],
    ids=lambda t: type(t).__name__,
)
def test_pixel_transform_changes_both_images_alike_and_no_mask(transform: A.BasicTransform) -> None:
    mask = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
    source = planes(mask=mask, has_counterfactual=True)
    result = JointTransform([transform])(source, 2)
    assert not np.array_equal(result.image, source.image)
    assert np.array_equal(result.image, result.counterfactual)
    assert np.array_equal(result.mask, source.mask)
    assert result.weight is None


@pytest.mark.parametrize("transform", GEOMETRIC, ids=lambda t: type(t).__name__)
def test_counterfactual_moves_with_the_photo(transform: A.BasicTransform) -> None:
    result = JointTransform([transform])(planes(has_counterfactual=True), 9)
    assert np.array_equal(result.image, result.counterfactual)


def test_result_depends_on_the_seed_alone() -> None:
    transform = JointTransform([A.RandomCrop(24, 24), A.ColorJitter(p=1.0), A.GaussNoise(p=1.0)])
    again = pickle.loads(pickle.dumps(transform))
    np.random.seed(0)
    first = transform(planes(), 7)
    transform(planes(), 8)
    np.random.seed(1)
    assert np.array_equal(again(planes(), 7).image, first.image)
    assert np.array_equal(transform(planes(), 7).image, first.image)
    assert not np.array_equal(transform(planes(), 8).image, first.image)


def test_transforms_of_one_list_draw_independently() -> None:
    transform = JointTransform([A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)])
    corner = np.zeros((2, 2), np.uint8)
    corner[0, 0] = 255
    counts = np.sum(
        [transform(planes(mask=corner), seed).mask == 255 for seed in range(400)], axis=0
    )
    # each of four results has probability 1/4: 100 of 400, five standard deviations are 43
    assert counts.min() > 57


def test_transforms_inside_one_of_draw_independently() -> None:
    one_of = A.OneOf([A.HorizontalFlip(p=1.0), A.VerticalFlip(p=1.0)], p=0.5)
    transform = JointTransform([one_of])
    corner = np.zeros((2, 2), np.uint8)
    corner[0, 0] = 255
    counts = np.sum(
        [transform(planes(mask=corner), seed).mask == 255 for seed in range(400)], axis=0
    )
    assert counts[1, 1] == 0
    assert counts[0, 0] > 150
    assert min(counts[0, 1], counts[1, 0]) > 57


def test_given_transforms_are_left_as_they_were() -> None:
    given = A.Rotate(p=1.0)
    JointTransform([given])
    assert given.mask_interpolation == 0


def test_flips_and_pixel_changes_keep_the_frame() -> None:
    assert JointTransform([A.HorizontalFlip(), A.ColorJitter()]).keeps_frame
    assert JointTransform([A.OneOf([A.VerticalFlip(), A.GaussNoise()])]).keeps_frame
    assert not JointTransform([A.HorizontalFlip(), A.RandomCrop(8, 8)]).keeps_frame


def test_mask_fill_other_than_0_is_refused() -> None:
    with pytest.raises(ValueError, match="fill_mask"):
        JointTransform([A.Rotate(fill_mask=255)])


def test_normalisation_is_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        JointTransform([A.Normalize()])(planes(), 0)


def test_albumentations_stays_off_the_network() -> None:
    """Set before any module of the package can import it."""
    code = (
        "import datamodules, os, sys; print(os.environ['NO_ALBUMENTATIONS_UPDATE'], *sys.modules)"
    )
    clean = {name: value for name, value in os.environ.items() if "ALBUMENTATIONS" not in name}
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env=clean,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert answer[0] == "1"
    assert "albumentations" not in answer


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("HorizontalFlip", {"p": 0.5}),
        ("RandomCrop", {"height": 24, "width": 24}),
        ("RandomResizedCrop", {"size": [24, 24], "scale": [0.5, 1.0]}),
        ("RandomScale", {"scale_limit": [-0.1, 0.1]}),
        ("ColorJitter", {"brightness": [0.8, 1.2]}),
        ("Rotate", {"limit": [-10, 10], "border_mode": 4}),
        ("Affine", {"scale": [0.8, 1.2], "rotate": [-10, 10]}),
        ("Perspective", {"scale": [0.05, 0.1]}),
        ("ElasticTransform", {"alpha": 30, "sigma": 5}),
        ("GaussNoise", {"std_range": [0.02, 0.05]}),
    ],
)
def test_transform_is_built_from_a_config(name: str, arguments: dict[str, object]) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--transform", type=JointTransform)
    entry = {"class_path": f"albumentations.{name}", "init_args": arguments}
    config = parser.parse_object(
        {
            "transform": {
                "class_path": "datamodules.transforms.JointTransform",
                "init_args": {"transforms": [entry]},
            }
        }
    )
    transform = parser.instantiate(config).transform
    assert isinstance(transform, JointTransform)
    assert transform(planes(), 0).mask.dtype == np.uint8
