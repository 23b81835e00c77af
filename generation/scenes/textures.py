"""Photographs that ship inside the scikit-image and scikit-learn wheels, and noise.

Files are opened by their path inside the installed package: `skimage.data` would download.
Photographs of people, and photographs without a stated licence, are left out.
"""

from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from generation.objects.proportions import Split

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

TILE = 256
"""Side of a texture tile in pixels."""
LEVELS = 5
"""Number of sizes, each half the one before, that a picture is kept in."""

_SKIMAGE, _SKLEARN = "skimage/data", "sklearn/datasets/images"
PHOTOS = MappingProxyType(
    {
        "chelsea": (f"{_SKIMAGE}/chelsea.png", "CC0-1.0"),
        "coffee": (f"{_SKIMAGE}/coffee.png", "CC0-1.0"),
        "flower": (f"{_SKLEARN}/flower.jpg", "CC-BY-2.0"),
        "coins": (f"{_SKIMAGE}/coins.png", "public domain"),
        "brick": (f"{_SKIMAGE}/brick.png", "CC0-1.0"),
        "grass": (f"{_SKIMAGE}/grass.png", "CC0-1.0"),
        "china": (f"{_SKLEARN}/china.jpg", "CC-BY-2.0"),
        "rocket": (f"{_SKIMAGE}/rocket.jpg", "public domain"),
        "tissue": (f"{_SKIMAGE}/ihc.png", "public domain"),
        "gravel": (f"{_SKIMAGE}/gravel.png", "CC0-1.0"),
        "moon": (f"{_SKIMAGE}/moon.png", "public domain"),
    }
)
"""Name to path inside site-packages, and licence as the packages state it.

flower.jpg is by vultilion, china.jpg by danielbuechele, both on Flickr.
"""


def pictures(split: Split) -> tuple[str, ...]:
    """Return names of photographs used as backgrounds; the test split has its own."""
    if split == "test":
        return ("china", "rocket", "tissue")
    return ("chelsea", "coffee", "flower", "coins")


def textures(split: Split) -> tuple[str, ...]:
    """Return names of tiles for objects and grounds; the test split has its own."""
    if split == "test":
        return ("gravel", "moon", "marble", "speckle")
    return ("brick", "grass", "clouds", "wood", "weave")


def licence(names: Iterable[str]) -> str:
    """Return the strictest licence of photographs and noise tiles; noise is ours."""
    found = {PHOTOS[name][1] for name in names if name in PHOTOS}
    return next((item for item in ("CC-BY-2.0", "CC0-1.0") if item in found), "public domain")


@cache
def photo(name: str) -> Bytes:
    """Return a photograph as ``(h, w, 3)`` uint8 RGB.

    Raises:
        ValueError: If the installed wheel does not have the file.
    """
    path = Path(PHOTOS[name][0])
    package = path.parts[0]
    spec = find_spec(package)
    origin = spec.origin if spec else None
    # read as bytes: imread reports a missing file on stderr and returns None
    file = Path(origin).parent.joinpath(*path.parts[1:]) if origin else None
    if file is None or not file.is_file():
        raise ValueError(
            f"{package} does not ship {path}; install the version in requirements.lock"
        )
    pixels = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None, f"{file} is damaged"
    return np.ascontiguousarray(pixels[:, :, ::-1], np.uint8)


@cache
def tile(name: str) -> Bytes:
    """Return a texture as ``(TILE, TILE, 3)`` uint8 with mean 128 per channel."""
    if name in PHOTOS:
        whole = photo(name)
        side = min(whole.shape[:2])
        # the exact interpolation gives the same bytes on every processor
        square = cv2.resize(whole[:side, :side], (TILE, TILE), interpolation=cv2.INTER_LINEAR_EXACT)
        values = square.astype(np.float64)
    else:
        values = np.repeat(_NOISE[name]()[:, :, None] * 255, 3, axis=2)
    scaled = values * (128 / values.mean(axis=(0, 1)))
    return np.clip(np.round(scaled), 0, 255).astype(np.uint8)


def picture(name: str) -> Bytes:
    """Return a photograph or noise tile in full, ``(h, w, 3)`` uint8 RGB."""
    return photo(name) if name in PHOTOS else tile(name)


@cache
def pyramid(name: str) -> tuple[Bytes, NDArray[np.int64]]:
    """Return a picture and its halves, to draw it at any distance.

    Returns:
        The bytes of `LEVELS` pictures one after the other, and ``(LEVELS, 3)`` rows: where each
        begins, its height and its width.
    """
    levels = [picture(name)]
    for _ in range(LEVELS - 1):
        fine = levels[-1]
        height, width = fine.shape[0] // 2 * 2, fine.shape[1] // 2 * 2
        even = fine[:height, :width].astype(np.uint16)
        four = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
        levels.append(((four + 2) // 4).astype(np.uint8))
    begins = np.cumsum([0] + [level.size for level in levels[:-1]])
    table = [[begin, *level.shape[:2]] for begin, level in zip(begins, levels, strict=True)]
    return np.concatenate([level.ravel() for level in levels]), np.array(table, np.int64)


def _layers(seed: int, cells: tuple[int, int], octaves: int) -> Floats:
    """Sum of smooth random grids, each twice as fine and half as strong; values about 0.5."""
    rng = np.random.default_rng(seed)
    total, weight = np.zeros((TILE, TILE)), 0.0
    for octave in range(octaves):
        grid = rng.uniform(size=(cells[0] * 2**octave + 1, cells[1] * 2**octave + 1))
        total += _enlarge(_enlarge(grid).T).T * 0.5**octave
        weight += 0.5**octave
    return total / weight


def _enlarge(grid: Floats) -> Floats:
    """Linear interpolation of rows to TILE rows."""
    place = np.arange(TILE) * ((len(grid) - 1) / TILE)
    low = place.astype(np.int64)
    share = (place - low)[:, None]
    return grid[low] * (1 - share) + grid[low + 1] * share


def _clouds() -> Floats:
    return 0.3 + 0.5 * _layers(1, (4, 4), 5)


def _wood() -> Floats:
    # stretched along v, the direction in which bars and boards run
    rings = np.sin(_layers(2, (2, 5), 3) * 45)
    return 0.55 + 0.14 * rings + 0.25 * (_layers(3, (4, 64), 2) - 0.5)


def _weave() -> Floats:
    step = np.arange(TILE) // 8
    over = (step[:, None] + step[None, :]) % 2
    thread = np.abs(np.arange(TILE) % 8 - 3.5) / 3.5
    high = np.where(over == 1, thread[None, :], thread[:, None])
    return 0.7 - 0.35 * high**2 + 0.1 * (_layers(4, (32, 32), 2) - 0.5)


def _marble() -> Floats:
    slope = np.arange(TILE)[:, None] / 20 + np.arange(TILE)[None, :] / 31
    return 0.75 - 0.45 * np.abs(np.sin(slope + 9 * _layers(5, (4, 4), 5))) ** 4


def _speckle() -> Floats:
    spots = _layers(6, (40, 40), 2)
    return np.where(spots > 0.66, 0.9, np.where(spots < 0.34, 0.25, 0.55))


_NOISE = MappingProxyType(
    {"clouds": _clouds, "wood": _wood, "weave": _weave, "marble": _marble, "speckle": _speckle}
)
