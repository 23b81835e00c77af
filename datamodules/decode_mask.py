"""Mask files of any kind to soft coverage. Letters: H, W height and width after EXIF rotation."""

from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datamodules.decode import (
    decode_opencv,
    jpeg_components,
    open_upright,
    png_type,
    read_bytes,
    to_bytes,
)

_GREY, _RGB = 0, 2  # colour types of PNG
Stored = TypeVar("Stored", bound=np.generic)


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Return an ALPHA mask as ``(H, W)`` uint8 in 0..255, upright; soft edges stay soft.

    A file does not say how its values are meant. These rules hold, in this order:

    - Alpha that varies is the mask (cut-outs); alpha that is the same everywhere is ignored.
    - A palette of two colours is binary, the brighter one is foreground. A palette of greys
      counts as grey. In any other palette 0 is background and every other index foreground.
    - Colour counts by its strongest channel: a red and a white foreground are both 255.
    - More than 8 bits are scaled to 8, see `datamodules.decode.to_bytes`.
    - Where the largest stored value is 1 the mask is binary and 1 is foreground (not in JPEG,
      where a 1 is noise).

    Raises:
        DecodeError: If the file is missing, truncated, broken or no image.
    """
    return read_mask_and_void(path, None)[0]


def read_mask_and_void(
    path: Path, void: int | None
) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    """Return the mask of `read_mask`, 0 where unknown, and ``(H, W)`` bool: what is unknown.

    Args:
        path: Of the mask.
        void: Stored value that means "unknown": the grey level, the palette index, the alpha of a
            cut-out, or the level of all three channels. It is taken out before the rules of
            `read_mask`, which see the remaining values alone: {0, 1, 255} with void 255 is binary.
            None: nothing is unknown, and the second result is None.

    Raises:
        DecodeError: If the file is missing, truncated, broken or no image.
    """
    data = read_bytes(path)
    fast = _decode_fast(data, void)
    if fast is not None:
        return fast
    picture = open_upright(path, data)
    is_lossy = bool(jpeg_components(data))
    if picture.has_transparency_data:
        alpha = np.array(picture.convert("RGBA").getchannel("A"))
        if alpha.min() != alpha.max():
            return _without_void(alpha, void)
        picture = picture if picture.mode == "P" else picture.convert(_opaque_mode(picture.mode))
    if picture.mode == "P":
        return _from_palette(picture, void)
    if picture.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        picture = picture.convert("RGB")
    levels, is_void = _without_void(np.array(picture), void)
    return _from_levels(levels, unit=0 if is_lossy else 1), is_void


def _without_void(
    stored: NDArray[Stored], void: int | None
) -> tuple[NDArray[Stored], NDArray[np.bool_] | None]:
    """Return ``(H, W)`` or ``(H, W, 3)`` values with 0 for void, and where void was."""
    if void is None:
        return stored, None
    is_level = np.asarray(stored == void)
    is_void = np.all(is_level, axis=2) if stored.ndim == 3 else is_level
    stored[is_void] = 0
    return stored, is_void


def _decode_fast(
    data: bytes, void: int | None
) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None] | None:
    """Decode with OpenCV the kinds that it reads as stored: grey and RGB without alpha."""
    components, kind = jpeg_components(data), png_type(data)
    if kind is not None and kind[1] in (_GREY, _RGB):
        is_grey = kind[1] == _GREY
        # OpenCV expands 1, 2 and 4 bits to 0..255: a stored 1 becomes this
        unit = 255 // (2 ** min(kind[0], 8) - 1)
    elif components in (1, 3):
        is_grey, unit = components == 1, 0
    else:
        return None
    colour = cv2.IMREAD_GRAYSCALE if is_grey else cv2.IMREAD_COLOR
    plane = decode_opencv(data, colour | cv2.IMREAD_ANYDEPTH)
    if plane is None:
        return None
    levels, is_void = _without_void(plane, None if void is None else void * max(unit, 1))
    return _from_levels(levels, unit=unit), is_void


def _from_levels(plane: NDArray[np.generic], *, unit: int) -> NDArray[np.uint8]:
    """Reduce grey or colour levels to coverage; `unit` is a stored 1, 0 where that is noise."""
    if plane.ndim == 3:
        plane = np.maximum(np.maximum(plane[..., 0], plane[..., 1]), plane[..., 2])
    if np.issubdtype(plane.dtype, np.floating):
        return to_bytes(plane)  # here 1 is full coverage already
    levels = to_bytes(plane)
    if unit and levels.max(initial=0) == unit != 255:
        return (levels != 0).view(np.uint8) * np.uint8(255)
    return levels


def _from_palette(
    picture: Image.Image, void: int | None
) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    indices = np.asarray(picture)
    palette = np.asarray(picture.getpalette("RGB"), dtype=np.int64).reshape(-1, 3)
    is_void = None if void is None else indices == void
    counts = np.uint8(1) if is_void is None else (~is_void).view(np.uint8)
    if len(palette) == 2:
        brightness = palette.sum(axis=1)
        return (indices == brightness.argmax()).view(np.uint8) * np.uint8(255) * counts, is_void
    if (palette == palette[:, :1]).all():
        levels = palette[:, 0].astype(np.uint8)[indices] * counts
        return _from_levels(levels, unit=1), is_void
    return (indices != 0).view(np.uint8) * np.uint8(255) * counts, is_void


def _opaque_mode(mode: str) -> str:
    """The mode of the same picture without its alpha; a transparent key colour is no alpha."""
    return {"LA": "L", "La": "L", "RGBA": "RGB", "RGBa": "RGB", "PA": "RGB"}.get(mode, mode)
