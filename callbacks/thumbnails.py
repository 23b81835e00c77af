"""Small encoded pictures of one result, so that thousands of them wait in memory.

Letters: h, w size of the truth; H, W the network's size.
"""

from dataclasses import dataclass

import cv2
import cv2.typing
import numpy as np
import numpy.typing as npt
from numba import njit
from torch import Tensor

from metrics.histogram import FOREGROUND_ABOVE, without_ignored

LONG_SIDE = 256
JPEG_QUALITY = 88
PNG_COMPRESSION = 3
"""Of OpenCV's 9: three quarters of the default's bytes for 3 ms an image; more takes long."""
MISSED = (58, 160, 255)
"""RGB of object that the prediction lacks; blue and orange differ for colour-blind readers too."""
EXTRA = (255, 138, 40)
"""RGB of prediction where there is no object."""
OBJECT = (92, 98, 108)
"""RGB of object in the error picture, grey on black so that the errors stand out."""

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnails:
    """Pictures of one shape, the original's; encoded files."""

    photo: bytes | None
    """JPEG; None where only masks were compared."""
    truth: bytes
    """PNG, grey."""
    prediction: bytes
    """PNG, grey, stretched as it is scored."""
    error: bytes
    """PNG: `MISSED` and `EXTRA` over the object in grey; ignored pixels show none."""


def thumbnails(
    photo: Tensor, truth: Tensor, prediction: Tensor, weight: Tensor | None
) -> Thumbnails:
    """Draw one result as it is scored; about 20 ms at 8 megapixels, with the interpreter released.

    The prediction is stretched from its minimum to its maximum, and the error is that of the
    stretched map against the binary truth: a dark map of the right shape is no error.

    Args:
        photo: ``(3, H, W)`` float in [0, 1]; given the shape of the truth. ``(3, 0, 0)``: there is
            none.
        truth: ``(h, w)`` uint8.
        prediction: ``(h, w)`` uint8.
        weight: ``(h, w)`` uint8, 0 ignored. None: every pixel counts.
    """
    size = _thumbnail_size(truth.shape[0], truth.shape[1])
    true, predicted = _plane(truth), _plane(prediction)
    predicted = _stretched(predicted, _plane(without_ignored(prediction, truth, weight)))
    cut = cv2.threshold(true, FOREGROUND_ABOVE, 255, cv2.THRESH_BINARY)[1]
    object_ = cut.astype(np.uint8, copy=False)
    # at full size: once shrunk, a strut beside its place would count as right
    missed = cv2.subtract(object_, predicted).astype(np.uint8, copy=False)
    extra = cv2.subtract(predicted, object_).astype(np.uint8, copy=False)
    if weight is not None:
        ignored = _plane(weight) == 0
        missed[ignored] = extra[ignored] = 0
    error = _error(*(_block_means(plane, *size) for plane in (object_, missed, extra)))
    return Thumbnails(
        photo=_encode(".jpg", _small_photo(photo, size)) if photo.numel() else None,
        truth=_encode(".png", _block_means(true, *size)),
        prediction=_encode(".png", _block_means(predicted, *size)),
        error=_encode(".png", error[..., ::-1]),
    )


def decode(encoded: bytes) -> Pixels:
    """Return the ``(h, w, 3)`` RGB pixels of an encoded picture."""
    pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None  # encoded in this file
    return np.ascontiguousarray(pixels[..., ::-1]).astype(np.uint8)


def _thumbnail_size(height: int, width: int) -> tuple[int, int]:
    scale = min(1.0, LONG_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _plane(plane: Tensor) -> Pixels:
    return np.ascontiguousarray(plane.cpu().numpy())


def _stretched(plane: Pixels, scored: Pixels) -> Pixels:
    """Stretch by the range of what is scored; a constant map stays as it is."""
    low, high, _, _ = cv2.minMaxLoc(scored)
    if low == high:
        return plane
    levels = np.clip((np.arange(256) - low) * 255 / (high - low), 0, 255).astype(np.uint8)
    return cv2.LUT(plane, levels).astype(np.uint8, copy=False)


def _small_photo(photo: Tensor, size: tuple[int, int]) -> Pixels:
    """Return ``(h, w, 3)`` BGR, as OpenCV encodes it."""
    channels = photo.float().cpu().numpy()
    smaller = channels.shape[1] >= size[0] and channels.shape[2] >= size[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    shrunk = [cv2.resize(c, (size[1], size[0]), interpolation=method) for c in channels[::-1]]
    return np.clip(np.stack(shrunk, -1) * 255 + 0.5, 0, 255).astype(np.uint8)


@njit(nogil=True, cache=True)
def _block_means(plane: Pixels, height: int, width: int) -> Pixels:
    """Return the means of ``height x width`` blocks of whole pixels that cover the plane.

    OpenCV's INTER_AREA divides pixels between blocks, which nobody sees and takes eight times as
    long. No side may be larger than the plane's.
    """
    h, w = plane.shape
    means = np.empty((height, width), np.uint8)
    for row in range(height):
        top, bottom = row * h // height, (row + 1) * h // height
        sums = np.zeros(w, np.uint32)
        for y in range(top, bottom):
            for x in range(w):
                sums[x] += plane[y, x]
        for column in range(width):
            left, right = column * w // width, (column + 1) * w // width
            area = (bottom - top) * (right - left)
            means[row, column] = (sums[left:right].sum() + area // 2) // area
    return means


def _error(truth: Pixels, missed: Pixels, extra: Pixels) -> Pixels:
    shares = np.stack([truth, missed, extra], -1).astype(np.float32) / 255
    # what is missed is object, and must not shine through its own colour
    shares[..., 0] = np.clip(shares[..., 0] - shares[..., 1], 0, 1)
    colours = np.array([OBJECT, MISSED, EXTRA], np.float32)
    return np.clip(shares @ colours, 0, 255).astype(np.uint8)


def _encode(kind: str, pixels: Pixels) -> bytes:
    jpeg = (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
    options = jpeg if kind == ".jpg" else (cv2.IMWRITE_PNG_COMPRESSION, PNG_COMPRESSION)
    done, encoded = cv2.imencode(kind, np.ascontiguousarray(pixels), options)
    assert done  # in memory, of a size and dtype that the format has
    return encoded.tobytes()
