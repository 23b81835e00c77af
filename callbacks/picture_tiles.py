"""Tiles of pictures and of text, from which pictures of sets are put together."""

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
_BACKGROUND, _INK = 24, 230
_FONT, _SCALE, _MARGIN = cv2.FONT_HERSHEY_SIMPLEX, 0.5, 4


def blank(height: int, width: int) -> Pixels:
    """Return an empty ``(height, width, 3)`` tile."""
    return np.full((height, width, 3), _BACKGROUND, np.uint8)


def picture_tile(picture: Pixels, side: int, gap: int) -> Pixels:
    """Return a picture in the middle of a square with a gap to the right and below.

    Args:
        picture: ``(H, W, 3)`` RGB or ``(H, W)`` grey; small ones are enlarged without smoothing.
        side: Of the square, in pixels.
        gap: In pixels.
    """
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    small = np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)
    tile = blank(side + gap, side + gap)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    shown = small if small.ndim == 3 else small[..., None]
    tile[top : top + size[1], left : left + size[0]] = shown
    return tile


def text_tile(text: str, height: int, width: int) -> Pixels:
    """Return a tile with a line of text in the middle of its height, as small as it must be."""
    tile = blank(height, width)
    needed, tall = cv2.getTextSize(text, _FONT, _SCALE, 1)[0]
    scale = _SCALE * min(1.0, (width - 2 * _MARGIN) / max(1, needed))
    place = (_MARGIN, (height + tall) // 2)
    cv2.putText(tile, text, place, _FONT, scale, (_INK,) * 3, 1, cv2.LINE_AA)
    return tile
