"""Small encoded pictures of one result, so that thousands of them wait in memory.

Letters: h, w size of the truth; H, W the network's size.
"""

from dataclasses import dataclass

import cv2
import cv2.typing
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

LONG_SIDE = 256
JPEG_QUALITY = 88
MISSED = (58, 160, 255)
"""RGB of object that the prediction lacks; blue and orange differ for colour-blind readers too."""
EXTRA = (255, 138, 40)
"""RGB of prediction where there is no object."""
OBJECT = (92, 98, 108)
"""RGB of object in the error picture, grey on black so that the errors stand out."""

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnails:
    """Four pictures of one shape, the original's; encoded files."""

    photo: bytes
    """JPEG."""
    truth: bytes
    """PNG, grey."""
    prediction: bytes
    """PNG, grey."""
    error: bytes
    """PNG: `MISSED` and `EXTRA` over the object in grey; ignored pixels show none."""


def thumbnails(
    photo: Tensor, truth: Tensor, prediction: Tensor, weight: Tensor | None
) -> Thumbnails:
    """Draw one result.

    Args:
        photo: ``(3, H, W)`` float in [0, 1]; given the shape of the truth.
        truth: ``(h, w)`` uint8.
        prediction: ``(h, w)`` uint8.
        weight: ``(h, w)`` uint8, 0 ignored. None: every pixel counts.
    """
    size = _thumbnail_size(truth.shape[0], truth.shape[1])
    pixels = (photo.permute(1, 2, 0) * 255).round().to(torch.uint8).cpu().numpy()
    true, predicted = truth.cpu().numpy(), prediction.cpu().numpy()
    missed, extra = cv2.subtract(true, predicted), cv2.subtract(predicted, true)
    if weight is not None:
        ignored = weight.cpu().numpy() == 0
        missed[ignored] = extra[ignored] = 0
    small_truth = _shrink(true, size)
    return Thumbnails(
        photo=_encode(".jpg", _shrink(pixels, size)[..., ::-1]),
        truth=_encode(".png", small_truth),
        prediction=_encode(".png", _shrink(predicted, size)),
        error=_encode(
            ".png", _error(small_truth, _shrink(missed, size), _shrink(extra, size))[..., ::-1]
        ),
    )


def decode(encoded: bytes) -> Pixels:
    """Return the ``(h, w, 3)`` RGB pixels of an encoded picture."""
    pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None  # encoded in this file
    return np.ascontiguousarray(pixels[..., ::-1]).astype(np.uint8)


def _thumbnail_size(height: int, width: int) -> tuple[int, int]:
    scale = min(1.0, LONG_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _shrink(pixels: cv2.typing.MatLike, size: tuple[int, int]) -> Pixels:
    smaller = pixels.shape[0] >= size[0] and pixels.shape[1] >= size[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(pixels, (size[1], size[0]), interpolation=method).astype(np.uint8)


def _error(truth: Pixels, missed: Pixels, extra: Pixels) -> Pixels:
    shares = np.stack([truth, missed, extra], -1).astype(np.float32) / 255
    # what is missed is object, and must not shine through its own colour
    shares[..., 0] = np.clip(shares[..., 0] - shares[..., 1], 0, 1)
    colours = np.array([OBJECT, MISSED, EXTRA], np.float32)
    return np.clip(shares @ colours, 0, 255).astype(np.uint8)


def _encode(kind: str, pixels: Pixels) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if kind == ".jpg" else []
    done, encoded = cv2.imencode(kind, np.ascontiguousarray(pixels), options)
    assert done  # in memory, of a size and dtype that the format has
    return encoded.tobytes()
