from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage
import sklearn.datasets

from generation.scenes.textures import (
    PHOTOS,
    TILE,
    licence,
    photo,
    picture,
    pictures,
    textures,
    tile,
)


@pytest.mark.parametrize("name", PHOTOS)
def test_photo_is_read_from_the_installed_wheel(name: str) -> None:
    assert photo(name).dtype == np.uint8
    assert photo(name).shape[2] == 3


def test_photo_equals_what_the_packages_themselves_load() -> None:
    np.testing.assert_array_equal(photo("china"), sklearn.datasets.load_sample_image("china.jpg"))
    path = Path(skimage.__file__).parent / "data" / "coffee.png"
    np.testing.assert_array_equal(photo("coffee"), cv2.imread(str(path))[:, :, ::-1])


def test_test_split_shares_no_picture_and_no_texture() -> None:
    held = {*pictures("test"), *textures("test")}
    assert not held & {*pictures("train"), *textures("train")}
    assert not held & {*pictures("val"), *textures("val")}


@pytest.mark.parametrize("name", [*textures("train"), *textures("test")])
def test_tile_has_mean_128_and_is_not_flat(name: str) -> None:
    pixels = tile(name)
    assert pixels.shape == (TILE, TILE, 3)
    # clipping of the brightest pixels may take a little away
    np.testing.assert_allclose(pixels.mean(axis=(0, 1)), 128, atol=3)
    assert pixels.std() > 8


def test_picture_of_a_photo_is_the_photo_and_of_noise_the_tile() -> None:
    assert picture("coffee") is photo("coffee")
    assert picture("marble") is tile("marble")


def test_strictest_licence_wins() -> None:
    assert licence(["wood", "coffee", "china"]) == "CC-BY-2.0"
    assert licence(["rocket", "brick"]) == "CC0-1.0"
    assert licence(["wood"]) == "public domain"
