"""Pairs of a map and a truth that every machine makes alike: integers and numpy only."""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


class Pair(NamedTuple):
    found: Mask
    truth: Mask


def smooth(shape: tuple[int, int], radius: int, seed: int) -> NDArray[np.int64]:
    """Noise summed over squares of ``2 radius + 1`` pixels, twice."""
    # RandomState: its stream is frozen, that of a Generator is not
    field = np.random.RandomState(seed).randint(0, 256, shape).astype(np.int64)
    for _ in range(4):
        padded = np.pad(field, ((radius + 1, radius), (0, 0)), mode="edge")
        padded[0] = 0  # the sum of no rows
        sums = padded.cumsum(0)
        field = (sums[2 * radius + 1 :] - sums[: -2 * radius - 1]).T
    return field


def blobs(shape: tuple[int, int], radius: int, seed: int, percent: int = 50) -> Mask:
    """The highest `percent` of a smooth field."""
    field = smooth(shape, radius, seed)
    rank = field.size * (100 - percent) // 100
    return field >= np.partition(field, rank, axis=None)[rank]


def thick(shape: tuple[int, int], seed: int) -> Mask:
    """An ellipse over most of the image, its edge ragged."""
    height, width = shape
    y, x = np.arange(height)[:, None] * 2 - height, np.arange(width) * 2 - width
    inside = 100 * (x * x * height * height + y * y * width * width)
    ragged = blobs(shape, 9, seed)
    return inside < np.where(ragged, 85, 70) * (height * width) ** 2


def thin(shape: tuple[int, int], seed: int) -> Mask:
    """Straight struts of 1 to 3 pixels, one for every 3,000 pixels of the image."""
    height, width = shape
    random = np.random.RandomState(seed)
    mask = np.zeros((height + 2, width + 2), np.bool_)
    for _ in range(height * width // 3000):
        y, x, dy, dx = random.randint([0, 0, -90, -90], [height, width, 91, 91])
        steps = np.arange(129)
        row, column = y + steps * dy // 128, x + steps * dx // 128
        for shift in range(random.randint(1, 4)):
            mask[np.clip(row, 0, height), np.clip(column + shift, 0, width)] = True
    return mask[:height, :width]


def disturbed(truth: Mask, seed: int, percent: int = 12) -> Mask:
    """Wrong in patches, along edges and in scattered pixels."""
    moved = np.roll(truth, 3, axis=1)
    found = np.where(blobs(truth.shape, 12, seed), moved, truth)
    found ^= blobs(truth.shape, 7, seed + 1, percent)
    return found ^ blobs(truth.shape, 0, seed + 2, 2)


@cache
def pairs() -> dict[str, Pair]:
    """Small and odd ones of every kind."""
    shape = (301, 257)
    empty, full = np.zeros(shape, np.bool_), np.ones(shape, np.bool_)
    some, other = blobs(shape, 8, 1), blobs(shape, 8, 2)
    frame = ~np.pad(np.ones((281, 237), np.bool_), 10)
    holes = thick(shape, 3) & ~blobs(shape, 2, 4, 20)
    return {
        "empty truth": Pair(some, empty),
        "full truth": Pair(some, full),
        "nothing found": Pair(empty, some),
        "everything found": Pair(full, some),
        "both empty": Pair(empty, empty),
        "exact": Pair(some, some),
        "inverted": Pair(~some, some),
        "unrelated blobs": Pair(some, other),
        "noise": Pair(blobs((65, 63), 0, 5), blobs((65, 63), 0, 6)),
        "sparse noise": Pair(blobs((128, 193), 0, 7, 10), blobs((128, 193), 0, 8, 10)),
        "one row": Pair(blobs((1, 200), 1, 9), blobs((1, 200), 3, 10)),
        "one column": Pair(blobs((200, 1), 1, 11), blobs((200, 1), 3, 12)),
        "frame": Pair(disturbed(frame, 13), frame),
        "holes": Pair(disturbed(holes, 16), holes),
        "holes filled": Pair(thick(shape, 3), holes),
        "moved": Pair(np.roll(some, 17, axis=0), some),
        "thin": Pair(disturbed(thin(shape, 19), 20), thin(shape, 19)),
        "thin missed": Pair(some & thin(shape, 19), thin(shape, 19)),
        "thick": Pair(disturbed(thick(shape, 22), 23), thick(shape, 22)),
    }


def large_pair(name: str) -> Pair:
    """One of the sizes at which speed is measured, such as "thin 1024x1024"."""
    kind, size = name.split()
    height, width = size.split("x")
    truth = {"thick": thick, "thin": thin}[kind]((int(height), int(width)), 31)
    return Pair(disturbed(truth, 32), truth)
