"""Image files to arrays of bytes, upright.

OpenCV decodes what it reads correctly (JPEG in grey or colour, most PNG), Pillow everything else
and everything that OpenCV refuses, so Pillow decides whether a file is broken.
Letters: H, W height and width after EXIF rotation.
"""

import struct
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

# What Pillow's readers raise for files that are broken, unknown or absurdly large.
BROKEN_FILE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,  # where warnings are errors
)
# OpenCV's own limit (CV_IO_MAX_IMAGE_PIXELS). Pillow's, 179 million, would refuse photos that
# OpenCV has read.
MAX_PIXELS = 2**30
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
_ORIENTATION = 0x0112  # EXIF tag; values 5 to 8 swap height and width


class DecodeError(ValueError):
    """A file that cannot be decoded; the message names the path and the cause."""


def start_worker(worker_id: int) -> None:
    """Keep OpenCV on one thread: pass as ``worker_init_fn`` of a DataLoader.

    torch does the same for itself in its workers. Without it each worker starts as many OpenCV
    threads as there are cores, and a pool that was started before a fork can hang.
    """
    cv2.setNumThreads(0)


def read_image(path: Path) -> NDArray[np.uint8]:
    """Return a photo as ``(H, W, 3)`` uint8 RGB, upright.

    Grey, CMYK, palette, 1-bit and 16-bit files are converted. Alpha is dropped, not composited:
    the colours below it are the photo, and no background would be the right one.

    Raises:
        DecodeError: If the file is missing, truncated, broken or no image.
    """
    data = read_bytes(path)
    image = decode_opencv(data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH)
    if image is not None:
        return to_bytes(image)
    picture = open_upright(path, data)
    if picture.mode[0] in "IF":  # Pillow clips these to 0..255 instead of scaling them
        return np.repeat(to_bytes(np.array(picture))[..., None], 3, axis=2)
    return np.array(picture.convert("RGB"))  # a copy: torch wants it writable


def image_size(path: Path) -> tuple[int, int]:
    """Return the upright (height, width) of an image from its header.

    Raises:
        DecodeError: If the file is missing or no image.
    """
    try:
        with Image.open(path) as picture:
            _require_sane_size(picture)
            width, height = picture.size
            # Pillow gives the size of a TIFF upright, that of other files as stored
            is_turned = picture.format != "TIFF" and picture.getexif().get(_ORIENTATION, 1) >= 5
    except BROKEN_FILE as error:
        raise DecodeError(f"{path}: no readable image header: {error}") from error
    return (width, height) if is_turned else (height, width)


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        DecodeError: If there is none, or it is empty.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DecodeError(f"{path}: cannot be read: {error.strerror}") from error
    if not data:
        raise DecodeError(f"{path}: the file is empty")
    return data


def decode_opencv(data: bytes, flags: int) -> NDArray[np.uint8] | NDArray[np.uint16] | None:
    """Return what OpenCV decodes, upright; None where it refuses or would read it wrongly."""
    if not (png_type(data) or (jpeg_components(data) in (1, 3) and _is_complete_jpeg(data))):
        return None
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)  # type: ignore[return-value]
    except cv2.error:  # for example more than 2**30 pixels; Pillow says it in plain words
        return None


def open_upright(path: Path, data: bytes) -> Image.Image:
    """Return the picture fully decoded by Pillow and turned upright, in its own mode.

    Raises:
        DecodeError: If Pillow cannot decode it; `path` only names the file in the message.
    """
    try:
        with Image.open(BytesIO(data)) as picture:
            _require_sane_size(picture)
            picture.load()
            return ImageOps.exif_transpose(picture)
    except UnidentifiedImageError as error:
        raise DecodeError(f"{path}: no image, or broken from the start") from error
    except BROKEN_FILE as error:
        raise DecodeError(f"{path}: cannot be decoded: {error}") from error


def to_bytes(plane: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Scale a plane of any depth to uint8, rounding to the nearest.

    Float counts as [0, 1] where no value is larger; integers wider than 8 bits count as 16 bits
    unless no value needs more than 8: many programs store 0..255 in wide integers.
    """
    if plane.dtype == np.uint8:
        return plane.view(np.uint8)
    if plane.dtype == np.bool_:
        return plane.astype(np.uint8) * 255
    highest = plane.max(initial=0)
    if np.issubdtype(plane.dtype, np.floating):
        scale = 255.0 if highest <= 1 else 1.0
    else:
        scale = 1.0 if highest <= 255 else 1 / 257
    return np.clip(np.rint(plane.astype(np.float64) * scale), 0, 255).astype(np.uint8)


def png_type(data: bytes) -> tuple[int, int] | None:
    """Return (bit depth, colour type) of a PNG; None for any other file."""
    if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 26:
        return None
    return data[24], data[25]


def jpeg_components(data: bytes) -> int:
    """Return the number of colour components of a JPEG (1, 3, or 4 for CMYK); 0 for others."""
    if data[:2] != b"\xff\xd8":
        return 0
    position = 2
    while position + 9 < len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        # start of frame: 0xC0 to 0xCF without the tables DHT, JPG and DAC
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return data[position + 9]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return 0


def _require_sane_size(picture: Image.Image) -> None:
    """Hold Pillow to the limit, where it would only warn up to twice as much."""
    if picture.width * picture.height > MAX_PIXELS:
        raise Image.DecompressionBombError(
            f"{picture.width} x {picture.height} are more than 2**30 pixels: make it smaller"
        )


def _is_complete_jpeg(data: bytes) -> bool:
    """Whether an end marker follows the last scan.

    Some OpenCV releases return the part of a truncated JPEG that is there, without an error.
    Inside a scan every 0xFF byte is stuffed with 0, so a found marker is a real one; programs
    may append their own bytes after it.
    """
    return data.endswith(b"\xff\xd9") or data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")
