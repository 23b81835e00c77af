"""Some pairs of a set as one picture: images over their masks."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from datamodules.pair_source import PairSource
from datamodules.seeds import generator_for
from metrics.cmmd import unit
from metrics.cosine_similarity import nearest_cosines
from metrics.set_comparison import random_subset

NUM_EXAMPLES = 6
TILE = 176
"""Side of a tile in pixels: six side by side fill the page at its full width."""
_GAP = 4
_GREY = 128  # around pairs that are not square: neither object nor background
_QUALITY = 85


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Pairs of one set, seen together."""

    title: str
    ids: Sequence[str]
    picture: bytes
    """JPEG."""


def random_examples(source: PairSource, *, seed: int) -> Examples:
    """Draw `NUM_EXAMPLES` pairs by chance, or all of a smaller set.

    Args:
        source: At least one pair.
        seed: Of the choice.
    """
    generator = generator_for(seed, "examples")
    return examples(
        source, random_subset(len(source.entries), NUM_EXAMPLES, generator).tolist(), "by chance"
    )


def farthest_examples(source: PairSource, real: Tensor, generated: Tensor) -> Examples:
    """Draw the pairs whose features are least like any real one's, by their cosine.

    Args:
        source: At least one pair.
        real: ``(N, D)`` float features of the real images.
        generated: ``(M, D)`` float features of the images of this set.
    """
    nearest = nearest_cosines(unit(real), unit(generated))
    return examples(source, nearest.argsort()[:NUM_EXAMPLES].tolist(), "least like the real ones")


def examples(source: PairSource, places: Sequence[int], title: str) -> Examples:
    """Draw the pairs at these places, at least one.

    Raises:
        ValueError: If a pair cannot be read.
    """
    columns = []
    for place in places:
        image, mask = source.read(place)
        pair = [_tile(image), _tile(cv2.cvtColor(mask, cv2.COLOR_GRAY2RGB).astype(np.uint8))]
        columns.append(np.concatenate([pair[0], _gap(_GAP, TILE), pair[1]]))
        columns.append(_gap(2 * TILE + _GAP, _GAP))
    picture = np.concatenate(columns[:-1], axis=1)
    options = (cv2.IMWRITE_JPEG_QUALITY, _QUALITY)
    done, encoded = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), options)
    assert done  # in memory, of a size and dtype that the format has
    ids = [source.entries[place].id for place in places]
    return Examples(title=title, ids=ids, picture=encoded.tobytes())


def _tile(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    scale = TILE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    tile = _gap(TILE, TILE)
    top, left = (TILE - size[1]) // 2, (TILE - size[0]) // 2
    tile[top : top + size[1], left : left + size[0]] = small
    return tile


def _gap(height: int, width: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), _GREY, np.uint8)
