"""What the demo shows and gives away of a mask. Letters: h, w the photo's size."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datamodules.decode import BROKEN_FILE, DecodeError

_MOST = 1400  # pixels of a side: enough for a screen, and quick to send
_MOST_PIXELS = 100_000_000  # of a photo; decoded, masked and cut out it takes some gigabytes
# those of photos that the repository reads: Pillow knows forty more, some run other programs
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")


def require_photo(path: Path) -> None:
    """Look at the header of a file from a stranger before anything is decoded.

    Raises:
        DecodeError: If it is no image of a known format, or has more than 100 million pixels: a
            small file can hold gigabytes.
    """
    try:
        with Image.open(path, formats=_FORMATS) as picture:
            width, height = picture.size
    except BROKEN_FILE as error:
        raise DecodeError(f"{path}: no image, or broken from the start") from error
    if width * height > _MOST_PIXELS:
        raise DecodeError(
            f"{path}: {width} x {height} are more than {_MOST_PIXELS // 10**6} million pixels: "
            "make it smaller"
        )


def adjusted(alpha: NDArray[np.uint8], threshold: float, softness: float) -> NDArray[np.uint8]:
    """Return a mask with its border moved and hardened.

    Args:
        alpha: ``(h, w)`` uint8.
        threshold: In (0, 1), what becomes one half; lower keeps more of the photo.
        softness: In [0, 1], how much of the mask's range stays soft: 1 and a threshold of one half
            leave the mask as it is, 0 leaves black and white.

    Returns:
        ``(h, w)`` uint8, ``255 clip((q - 1/2) / softness + 1/2)``, where ``q`` goes in two straight
        lines from 0 over 1/2, at ``alpha / 255 = threshold``, to 1: white stays white, and black
        black.
    """
    # 256 values, looked up: photos have millions
    p = np.arange(256) / 255
    q = np.interp(p, [0, threshold, 1], [0, 0.5, 1])
    if softness < 1 / 255:  # finer than the mask's own steps
        values = np.where(p >= threshold, 1.0, 0.0)
    else:
        values = np.clip((q - 0.5) / softness + 0.5, 0, 1)
    table = np.rint(255 * values).astype(np.uint8)
    return table[alpha]


def preview(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return ``(h, w)`` or ``(h, w, C)`` uint8 no larger than a screen."""
    longest = max(photo.shape[:2])
    if longest <= _MOST:
        return photo
    height, width = (max(1, round(side * _MOST / longest)) for side in photo.shape[:2])
    return cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def on_ground(
    colours: NDArray[np.uint8], alpha: NDArray[np.uint8], ground: tuple[int, int, int] | None
) -> NDArray[np.uint8]:
    """Return a cut-out on a plain ground.

    Args:
        colours: ``(h, w, 3)`` uint8 RGB.
        alpha: ``(h, w)`` uint8.
        ground: RGB in [0, 255]. None: the squares of grey by which programs show transparency.

    Returns:
        ``(h, w, 3)`` uint8 RGB.
    """
    share = alpha[..., None].astype(np.float32) / 255
    below = _squares(alpha.shape) if ground is None else np.array(ground, np.float32)
    return np.rint(share * colours + (1 - share) * below).astype(np.uint8)


def png(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> bytes:
    """Return an RGBA file of ``(h, w, 3)`` uint8 RGB and ``(h, w)`` uint8."""
    pixels = np.dstack([colours[..., ::-1], alpha])
    return cv2.imencode(".png", pixels)[1].tobytes()


def _squares(size: tuple[int, ...]) -> NDArray[np.float32]:
    y, x = np.ogrid[: size[0], : size[1]]
    is_dark = ((y // 12 + x // 12) % 2).astype(np.float32)
    return (255 - 51 * is_dark)[..., None]
