"""The pictures of a synthetic pair: small, encoded, in the proportions of the photo.

Letters: H, W the working size, which is squeezed to the network's proportions; h, w of a picture.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from callbacks.thumbnails import MISSED, OBJECT, Pixels
from datamodules.sample import Sample
from metrics.contour_graph import ContourGraph, contour_graph

LONG_SIDE = 320
"""Twice what a picture has on the page, for dense screens."""
LEAST_SIDE = 160
"""What it has on the page."""
NUM_POINTS = 96
"""Of a graph, as many as the mask editor's structure term looks at by default."""
JPEG_QUALITY = 92
"""Seams are looked for: the format must not make any."""
EDGE, POINT = MISSED, (255, 255, 255)  # RGB
_SHIFT = 4  # binary digits behind the point in OpenCV's coordinates


def pair_pictures(source: Sample, made: Sample, size: tuple[int, int]) -> dict[str, bytes]:
    """Draw a pair beside what it was made from.

    Args:
        source: ALPHA, ``(H, W)``.
        made: ALPHA, ``(H, W)``.
        size: (height, width) of the photo's file.

    Returns:
        An encoded file for each of `callbacks.gallery.PICTURES`.
    """
    shape = picture_shape((source.mask.shape[0], source.mask.shape[1]), size)
    return {
        "photo": _jpeg(source.image, shape),
        "mask": _png(_resized(source.mask.numpy(), shape)),
        "edited_mask": _png(_resized(made.mask.numpy(), shape)),
        "edited_photo": _jpeg(made.image, shape),
        "graph": _png(graph_picture(source.mask, shape)),
        "edited_graph": _png(graph_picture(made.mask, shape)),
    }


def picture_shape(working: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Return the (h, w) of a picture: large enough for all pixels, but for `LONG_SIDE`.

    Args:
        working: (H, W) of the pixels, enlarged by a whole number where both are below `LEAST_SIDE`.
        size: (height, width) whose proportions it has.
    """
    times = _times(working)
    scale = max(times * have / side for have, side in zip(working, size, strict=True))
    scale = min(scale, LONG_SIDE / max(size))
    height, width = (max(1, round(scale * side)) for side in size)
    return height, width


def graph_picture(mask: Tensor, shape: tuple[int, int]) -> Pixels:
    """Draw the contour graph of a mask over it.

    Args:
        mask: ``(H, W)`` uint8 coverage.
        shape: (h, w) of the picture.

    Returns:
        ``(h, w, 3)`` uint8 RGB.
    """
    coverage = _resized(mask.numpy(), shape)[..., None] / np.float32(255)
    canvas = (coverage * np.array(OBJECT, np.float32)).astype(np.uint8)
    graph = contour_graph(mask.numpy() > 127, num_points=NUM_POINTS)
    points = _placed(graph, (mask.shape[0], mask.shape[1]), shape)
    width = max(1, shape[1] // LEAST_SIDE)  # a pixel on the page: graphs of thin objects are dense
    for first, second in graph.edges:
        cv2.line(
            canvas, points[first], points[second], EDGE, width, lineType=cv2.LINE_AA, shift=_SHIFT
        )
    for point in points:
        cv2.circle(canvas, point, width << _SHIFT, POINT, -1, lineType=cv2.LINE_AA, shift=_SHIFT)
    return canvas


def _placed(
    graph: ContourGraph, working: tuple[int, int], shape: tuple[int, int]
) -> list[tuple[int, int]]:
    """Return the points in the coordinates of the picture, as OpenCV takes them."""
    scale = np.array([shape[1] / working[1], shape[0] / working[0]])
    placed = np.round(((graph.points + 0.5) * scale - 0.5) * (1 << _SHIFT)).astype(int)
    return [(int(x), int(y)) for x, y in placed]


def _times(working: tuple[int, int]) -> int:
    return -(-LEAST_SIDE // max(working))


def _resized(plane: NDArray[np.uint8], shape: tuple[int, int]) -> Pixels:
    times = _times((plane.shape[0], plane.shape[1]))
    # few pixels are shown as what they are
    plane = np.ascontiguousarray(plane.repeat(times, 0).repeat(times, 1))
    shrinks = shape[0] <= plane.shape[0] and shape[1] <= plane.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(plane, shape[::-1], interpolation=method), np.uint8)


def _jpeg(image: Tensor, shape: tuple[int, int]) -> bytes:
    pixels = _resized(np.ascontiguousarray(image.permute(1, 2, 0).numpy()), shape)
    return _encoded(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))


def _png(pixels: Pixels) -> bytes:
    return _encoded(".png", pixels, ())


def _encoded(kind: str, pixels: Pixels, options: tuple[int, ...]) -> bytes:
    bgr = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    done, encoded = cv2.imencode(kind, np.ascontiguousarray(bgr), options)
    assert done  # in memory, of a dtype that the format has
    return encoded.tobytes()
