"""An object lifted from its mask to a relief and seen by another camera.

A mask says nothing of depth, so a body is assumed. It stands upright on level ground and was seen
from a little above; its parts are spread in depth as in an ellipsoid, so that its outline does not
shrink like that of a card when it turns; and its middle bulges towards the camera. What each
assumption is worth was measured against true other views: `benchmarks/view_change.py`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generation.edits.extent import Extent, extent_of
from generation.edits.mesh import seen_points
from generation.edits.warp import Warp

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

_CELLS = 96  # of the sheet along the longer side of the picture; 192 move no pixel by more than .1
# mathematics libraries differ in the last bit of sine and cosine; far below what is seen
_DIGITS = 9
_MARGIN = 0.01  # of the picture's sides, kept free where the object had room


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where the object is seen from, relative to where it was."""

    azimuth: float
    """Degrees about the vertical; positive shows more of the object's right side."""
    elevation: float = 0.0
    """Degrees; positive looks more from above."""
    radius: float = 1.0
    """Distance over the former distance; the object's size is about its reciprocal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What is assumed of the object and the camera that took the photo."""

    elevation: float = 10.0
    """Degrees above the horizon that the photo was taken from."""
    depth: float = 0.8
    """Depth over width of the ellipsoid that the parts fill; 0 is a card."""
    height_depth: float = 0.5
    """Depth over height of the same, as seen when the elevation changes."""
    bulge: float = 0.1
    """How far the middle stands out before the outline, over half the object's size."""
    field_of_view: float = 35.0
    """Degrees that the longer side of the picture spans."""


def view_warp(mask: Pixels, view: View, body: Body) -> Warp:
    """Return where each pixel of the new view comes from.

    The object turns about the middle of its box and stays inside the picture; it is made smaller
    where it has to be. Around the object the map fades to the identity at the picture's border, so
    the photo's background stays in place, has no gaps, and every pixel counts as visible.

    Args:
        mask: ``(H, W)`` uint8 coverage with a value of 128 or more somewhere.
        view: The new viewpoint.
        body: What is assumed.
    """
    height, width = mask.shape
    extent = extent_of(mask)
    xs, ys = (_nodes(length, max(height, width) / _CELLS) for length in (width, height))
    x, y = np.meshgrid(xs, ys)
    focal = max(height, width) / 2 / np.tan(np.radians(body.field_of_view / 2))
    # outside its box all moves like the nearest point of the box, and less and less
    nearest_x, nearest_y = x.clip(extent.left, extent.right), y.clip(extent.top, extent.bottom)
    moved = _seen(nearest_x, nearest_y, extent, view, body, focal=float(np.round(focal, _DIGITS)))
    places = _inside(moved[..., :2], extent, mask.shape)
    share = _near(xs, extent.left, extent.right, width) * _near(
        ys, extent.top, extent.bottom, height
    ).reshape(-1, 1)
    source = np.stack([x, y], axis=2)
    moved[..., :2] = source + (places - np.dstack([nearest_x, nearest_y])) * share[..., None]
    grid, seen = seen_points(source, moved, (height, width))
    assert seen.all(), "the sheet spans the picture and its border does not move"
    return Warp(grid=grid, visible=seen)


def _nodes(length: int, step: float) -> Floats:
    """Return evenly spaced positions from one border of the picture to the other."""
    return np.linspace(-0.5, length - 0.5, max(round(length / step), 1) + 1)


def _seen(x: Floats, y: Floats, extent: Extent, view: View, body: Body, *, focal: float) -> Floats:
    """Return x, y and reciprocal depth of the sheet's nodes before the new camera, ``(n, m, 3)``.

    Lengths are in pixels at the object's distance, which is then the focal length.
    """
    centre_x, centre_y = (extent.left + extent.right) / 2, (extent.top + extent.bottom) / 2
    before, after, turn = (
        np.radians(angle)
        for angle in (body.elevation, body.elevation + view.elevation, view.azimuth)
    )
    # before the old camera: the upright card through the centre, and what stands out from it
    tilt = (centre_y - y) * np.tan(before)
    towards = tilt / (1 + tilt / focal) + body.bulge * extent.size / 2 * _bulge(
        x - centre_x, y - centre_y, extent
    )
    near = 1 - towards / focal
    across, above = (x - centre_x) * near, (centre_y - y) * near
    # upright in the world: up, and level towards the old camera
    up = above * np.cos(before) + towards * np.sin(before)
    out = towards * np.cos(before) - above * np.sin(before)
    # the outline of an ellipsoid shrinks less than that of a card
    wide = _outline(turn, body.depth)
    tall = _outline(after, body.height_depth) / _outline(before, body.height_depth)
    right = across * wide - out * np.sin(turn)
    depth = across * np.sin(turn) + out * np.cos(turn)
    high = up * tall * np.cos(before) - depth * np.sin(after)
    towards = depth * np.cos(after) + up * np.sin(after)
    inverse = 1 / np.maximum(focal * view.radius - towards, 0.2 * focal)
    seen = np.stack(
        [centre_x + focal * right * inverse, centre_y - focal * high * inverse, inverse * focal],
        axis=2,
    )
    return np.round(seen, _DIGITS)


def _outline(angle: float, depth: float) -> float:
    """Return the width of an ellipse of width 1 and some depth, turned by radians."""
    return float(np.sqrt(np.cos(angle) ** 2 + (depth * np.sin(angle)) ** 2))


def _bulge(x: Floats, y: Floats, extent: Extent) -> Floats:
    """Return a paraboloid, 1 in the middle of the object's box, 0 on its ellipse, -1 beyond."""
    half_x = max(extent.right - extent.left, 1.0) / 2
    half_y = max(extent.bottom - extent.top, 1.0) / 2
    return np.maximum(1 - (x / half_x) ** 2 - (y / half_y) ** 2, -1.0)


def _inside(places: Floats, extent: Extent, size: tuple[int, ...]) -> Floats:
    """Shrink and shift places of the object so that all of them are where it has room."""
    result = places.copy()
    height, width = size
    boxes = ((extent.left, extent.right, width), (extent.top, extent.bottom, height))
    low = [float(places[..., k].min()) for k in (0, 1)]
    high = [float(places[..., k].max()) for k in (0, 1)]
    rooms = [
        (min(least, _MARGIN * length), max(most, (1 - _MARGIN) * length - 1))
        for least, most, length in boxes
    ]
    ratios = [(rooms[k][1] - rooms[k][0]) / max(high[k] - low[k], 1.0) for k in (0, 1)]
    shrink = min(1.0, *ratios)
    for k in (0, 1):
        middle = (boxes[k][0] + boxes[k][1]) / 2
        result[..., k] = middle + (places[..., k] - middle) * shrink
        least, most = middle + (low[k] - middle) * shrink, middle + (high[k] - middle) * shrink
        result[..., k] += max(rooms[k][0] - least, 0.0) + min(rooms[k][1] - most, 0.0)
    return result


def _near(positions: Floats, low: float, high: float, length: int) -> Floats:
    """Return 1 within [low, high], falling evenly to 0 at the borders of the picture, ``(n,)``.

    Evenly, because nothing then folds as long as the object moves by less than its room. An object
    that the border cuts stays cut: its outermost pixels are drawn out to the border.
    """
    before = (positions + 0.5) / (low + 0.5)
    after = (length - 0.5 - positions) / (length - 0.5 - high)
    return np.minimum(before, after).clip(0.0, 1.0)
