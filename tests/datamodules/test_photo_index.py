import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from datamodules.keypoints import find_keypoints
from datamodules.photo_index import PhotoIndex


def photo(seed: int, height: int = 240, width: int = 320) -> NDArray[np.uint8]:
    """Return blocks of random colours at random places: corners everywhere, no two photos alike."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), 128, np.uint8)
    for _ in range(150):
        y, x = rng.integers(height), rng.integers(width)
        h, w = rng.integers(8, 40, 2)
        image[y : y + h, x : x + w] = rng.integers(0, 256, 3)
    return image


PHOTOS = {f"photo-{seed}": photo(seed) for seed in range(6)}
INDEX = PhotoIndex(PHOTOS.items())
SHOWN = PHOTOS["photo-4"]


def recognised(image: NDArray[np.uint8]) -> str | None:
    found = INDEX.recognise(np.ascontiguousarray(image))
    return None if found is None else found.id


def test_every_photo_is_recognised_in_itself() -> None:
    assert [recognised(image) for image in PHOTOS.values()] == list(PHOTOS)


def test_other_photos_are_not_recognised() -> None:
    assert [recognised(photo(seed)) for seed in range(6, 18)] == [None] * 12


@pytest.mark.parametrize(
    "changed",
    [
        SHOWN[:, ::-1],
        SHOWN[40:208, 60:284],  # 70 % of each side
        SHOWN[::2, ::2],
        cv2.resize(SHOWN, (500, 300)),  # other proportions too
        cv2.imdecode(cv2.imencode(".jpg", SHOWN, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 1),
        (SHOWN * [0.7, 0.9, 0.6] + 20).astype(np.uint8),
        np.rot90(SHOWN),
        SHOWN[20:, 30:, ::-1][:, ::-1],
    ],
    ids=["mirror", "crop", "half", "stretch", "jpeg", "colours", "turn", "several"],
)
def test_changed_photo_is_recognised(changed: NDArray[np.uint8]) -> None:
    assert recognised(changed) == "photo-4"


def test_photo_behind_a_pasted_object_is_recognised() -> None:
    picture = SHOWN.copy()
    picture[60:200, 90:230] = photo(99)[60:200, 90:230]
    assert recognised(picture) == "photo-4"


def test_blank_and_tiny_pictures_are_recognised_as_nothing() -> None:
    blanks = PhotoIndex([("blank", np.full((64, 64, 3), 255, np.uint8)), ("photo", SHOWN)])
    for shape in ((64, 64, 3), (1, 1, 3), (1, 300, 3), (7, 5, 3)):
        assert blanks.recognise(np.full(shape, 255, np.uint8)) is None


def test_nothing_held_out_is_nowhere_recognised() -> None:
    assert PhotoIndex([]).recognise(SHOWN) is None


def test_fewer_places_prove_it_where_fewer_are_asked_for() -> None:
    found = INDEX.recognise(SHOWN)
    assert found is not None
    assert INDEX.recognise(SHOWN, min_places=found.places) == found
    assert INDEX.recognise(SHOWN, min_places=found.places + 1) is None


def test_keypoints_are_spread_and_the_same_at_each_call() -> None:
    image = photo(3)
    image[:, :160] = image[:, :160] // 6 + 100  # little contrast: few strong corners
    first, again = find_keypoints(image), find_keypoints(image)
    np.testing.assert_array_equal(first.points, again.points)
    np.testing.assert_array_equal(first.descriptors, again.descriptors)
    share_left = (first.points[:, 0] < first.points[:, 0].max() / 2).mean()
    assert 0.25 < share_left < 0.75
    assert len(first.points) <= 512
