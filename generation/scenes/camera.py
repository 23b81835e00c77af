"""A perspective camera that looks at a point from azimuth, elevation and radius."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FIELD_OF_VIEW = 30.0
"""Degrees between the upper and the lower edge of the image."""
# Pixel positions are rounded to 1/1024 and reciprocal depth to 1e-9: far below what is seen, far
# above the last bit, in which mathematics libraries of two machines may differ.
_SUBPIXEL = 1024.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Where a scene is seen from. One unit of length is an object's bounding-sphere radius."""

    azimuth: float
    """Degrees about the vertical; 0 looks from +z at the object's front, 90 from +x."""
    elevation: float
    """Degrees above the horizon."""
    radius: float
    """Distance from the target in units; from 3.9 on an object is in view as a whole."""
    target: tuple[float, float, float] = (0.0, 0.5, 0.0)
    """The point that appears in the middle of the image."""

    def axes(self) -> Floats:
        """Return ``(3, 3)`` rows: right, up and forward in world coordinates."""
        azimuth, elevation = np.radians(self.azimuth), np.radians(self.elevation)
        level, lift = np.cos(elevation), np.sin(elevation)
        forward = -np.array([level * np.sin(azimuth), lift, level * np.cos(azimuth)])
        right = np.array([np.cos(azimuth), 0.0, -np.sin(azimuth)])
        return np.stack([right, np.cross(right, forward), forward])

    def eye(self) -> Floats:
        """Return the ``(3,)`` position of the camera."""
        return np.array(self.target) - self.radius * self.axes()[2]

    def project(self, points: Floats, size: int) -> Floats:
        """Return ``(V, 3)`` x, y in pixels and 1 / depth for ``(V, 3)`` world points.

        Pixel (row i, column j) covers [j, j + 1) x [i, i + 1). Points not in front of the camera
        get a reciprocal depth of 0.
        """
        local = (points - self.eye()) @ self.axes().T
        near = 0.1
        inverse = np.where(local[:, 2] > near, 1 / np.maximum(local[:, 2], near), 0.0)
        scale = focal(size) * inverse
        x, y = size / 2 + local[:, 0] * scale, size / 2 - local[:, 1] * scale
        x, y = (np.round(value * _SUBPIXEL) / _SUBPIXEL for value in (x, y))
        return np.stack([x, y, np.round(inverse, 9)], axis=1)


def fit(
    shapes: Sequence[Floats],
    *,
    azimuth: float,
    elevation: float,
    fill: float,
    shift: tuple[float, float],
) -> Camera:
    """Return the camera that sees all points as large as asked.

    Args:
        shapes: ``(V, 3)`` world points, one array per object.
        azimuth: Degrees, as the camera's.
        elevation: Degrees, as the camera's.
        fill: Longer side of the points' box over the image's side.
        shift: Right and down from the middle to the box's centre, over the image's side.
    """
    points = np.concatenate(list(shapes))
    target, radius = (points.min(axis=0) + points.max(axis=0)) / 2, 5.0
    for _ in range(4):  # perspective is nearly linear here: the error shrinks tenfold each time
        radius, target = round(radius, 9), np.round(target, 9)
        camera = _looking(azimuth, elevation, radius, target)
        seen = _image_plane(camera, points)
        low, high = seen.min(axis=0), seen.max(axis=0)
        right, up, _ = camera.axes()
        window = 2 * np.tan(np.radians(FIELD_OF_VIEW / 2)) * radius
        off = (low + high) / 2 - [shift[0], -shift[1]]
        target = target + (right * off[0] + up * off[1]) * window
        radius *= float((high - low).max()) / fill
    return _looking(azimuth, elevation, round(radius, 9), np.round(target, 9))


def focal(size: int) -> float:
    """Return the focal length in pixels for an image of `size` rows."""
    return float(size / 2 / np.tan(np.radians(FIELD_OF_VIEW / 2)))


def _looking(azimuth: float, elevation: float, radius: float, target: Floats) -> Camera:
    x, y, z = (float(value) for value in target)
    return Camera(azimuth=azimuth, elevation=elevation, radius=radius, target=(x, y, z))


def _image_plane(camera: Camera, points: Floats) -> Floats:
    """Right and up from the middle, over the image's side, not rounded to pixels."""
    local = (points - camera.eye()) @ camera.axes().T
    return local[:, :2] / local[:, 2:] * focal(1)
