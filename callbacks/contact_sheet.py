"""A picture of some pairs of a set: each image beside itself under its mask."""

from collections.abc import Collection

import cv2
import numpy as np
import numpy.typing as npt

from callbacks.set_records import SetRecords
from datamodules.sample import Sample
from datamodules.shard_pairs import image_and_coverage

_TILE, _GAP = 160, 4  # pixels
_COLUMNS, _ROWS = 5, 8
_COLOUR = (58, 160, 255)  # of the object, RGB; as what is missed in the report
_BACKGROUND = 24
Pixels = npt.NDArray[np.uint8]


def contact_sheet(found: SetRecords, left_out: Collection[str] = ()) -> bytes | None:
    """Return a PNG with up to forty pairs, evenly from all over the set; None without any.

    Args:
        found: The set.
        left_out: Ids of pairs that are not shown.
    """
    places = [
        (reader, place)
        for reader in found.shards.values()
        for place, id in enumerate(reader.ids)
        if id not in left_out
    ]
    if not places:
        return None
    count = min(len(places), _COLUMNS * _ROWS)
    chosen = [places[number * len(places) // count] for number in range(count)]
    tiles = [_tile(reader.sample(place)) for reader, place in chosen]
    blank = np.full_like(tiles[0], _BACKGROUND)
    rows = [tiles[start : start + _COLUMNS] for start in range(0, count, _COLUMNS)]
    rows = [row + [blank] * (min(count, _COLUMNS) - len(row)) for row in rows]
    sheet = np.vstack([np.hstack(row) for row in rows])
    return cv2.imencode(".png", sheet[..., ::-1])[1].tobytes()


def _tile(sample: Sample) -> Pixels:
    image, alpha = image_and_coverage(sample)
    size = (_TILE, max(1, round(_TILE * image.shape[0] / image.shape[1])))
    if size[1] > _TILE:
        size = (max(1, round(_TILE * image.shape[1] / image.shape[0])), _TILE)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    cover = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)[..., None] / 255
    tinted = small * (1 - 0.6 * cover) + np.array(_COLOUR) * 0.6 * cover
    both = [_centred(np.asarray(half)) for half in (small, tinted)]
    return np.hstack(both)


def _centred(picture: npt.NDArray[np.generic]) -> Pixels:
    tile = np.full((_TILE + _GAP, _TILE + _GAP, 3), _BACKGROUND, np.uint8)
    height, width = picture.shape[:2]
    top, left = (_TILE - height) // 2, (_TILE - width) // 2
    tile[top : top + height, left : left + width] = picture.astype(np.uint8)
    return tile
