"""Pieces that objects are assembled from: trimesh primitives, placed.

World axes: x to the object's right, y up, z to its front. Lengths in metres.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

import numpy as np
import trimesh
from numpy.typing import NDArray

Material = Literal["frame", "panel", "fabric", "dark", "metal"]
"""What a piece is made of; `Appearance` says what each looks like."""
Floats = NDArray[np.float64]
Point = Sequence[float] | Floats
"""Three numbers: x, y, z."""

# Normals are averaged between faces that meet at less than this: round things look round, while
# the edge between a cylinder's side and its cap stays sharp.
_SMOOTH = np.radians(50)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One piece of an object."""

    mesh: trimesh.Trimesh
    """Vertices in metres with vertex normals; faces are counter-clockwise seen from outside."""
    material: Material
    grain: Floats
    """``(V, 3)`` coordinates in which texture lies: metres along the piece's own axes."""


def box(material: Material, size: Point, center: Point) -> Part:
    """Return a cuboid along the axes."""
    return _place(_box(), material, np.asarray(size, float), np.eye(3), center)


def beam(material: Material, start: Point, stop: Point, section: tuple[float, float]) -> Part:
    """Return a rectangular bar between two points; `section` is (width, depth)."""
    rotation, middle, length = _between(start, stop)
    return _place(_box(), material, np.array([*section, length]), rotation, middle)


def bar(material: Material, start: Point, stop: Point, radius: float) -> Part:
    """Return a round bar between two points."""
    rotation, middle, length = _between(start, stop)
    template = _cylinder(6 if radius < _THIN else 16)
    return _place(template, material, np.array([radius, radius, length]), rotation, middle)


def disc(material: Material, center: Point, radius: float, height: float) -> Part:
    """Return an upright cylinder with many sides: seats, bases, round table tops."""
    scale = np.array([radius, radius, height])
    return _place(_cylinder(40), material, scale, _UPRIGHT, center)


def ball(material: Material, center: Point, size: Point) -> Part:
    """Return an ellipsoid along the axes; `size` holds the three radii."""
    return _place(
        _sphere(1 if max(size) < 0.03 else 2), material, np.asarray(size, float), np.eye(3), center
    )


def spike(material: Material, base: Point, radius: float, height: float) -> Part:
    """Return an upright cone that stands on `base`."""
    scale = np.array([radius, radius, height])
    return _place(_cone(), material, scale, _UPRIGHT, base)


def blade(material: Material, center: Point, size: Point, rotation: Floats) -> Part:
    """Return an ellipsoid of radii `size`, turned by a ``(3, 3)`` rotation."""
    return _place(_sphere(2), material, np.asarray(size, float), rotation, center)


def ring(material: Material, center: Point, axis: Point, radius: float, tube: float) -> Part:
    """Return a torus; `tube` is the radius of its wire."""
    template = _torus()
    points = template.vertices
    outward = points * [1, 1, 0]
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    # stretching the circle, not the wire, leaves the normals as they are
    shape = outward * radius + (points - outward) * (tube / _WIRE)
    along = np.arctan2(points[:, 1], points[:, 0]) * radius
    grain = np.stack([shape[:, 2], np.linalg.norm(shape[:, :2], axis=1), along], axis=1)
    rotation, _, _ = _between((0, 0, 0), axis)
    mesh = trimesh.Trimesh(
        shape @ rotation.T + np.asarray(center, float),
        template.faces,
        vertex_normals=template.vertex_normals @ rotation.T,
        process=False,
    )
    return Part(mesh, material, grain)


def tube(material: Material, points: Sequence[Point], radius: float) -> list[Part]:
    """Return a bent round bar through `points`, with balls where it bends."""
    bars = [bar(material, start, stop, radius) for start, stop in pairwise(points)]
    if radius < _THIN:
        return bars
    return bars + [ball(material, point, (radius,) * 3) for point in points[1:-1]]


def lathe(material: Material, profile: Sequence[tuple[float, float]], center: Point) -> Part:
    """Return the surface that a profile of (radius, height) leaves when turned about y.

    The profile runs upwards for faces that look outwards.
    """
    mesh = trimesh.creation.revolve(np.asarray(profile, float), sections=40)
    mesh = trimesh.graph.smooth_shade(mesh, angle=_SMOOTH)
    return _place(mesh, material, np.ones(3), _UPRIGHT, center)


def arc(
    center: Point, first: Point, second: Point, angles: tuple[float, float], num: int = 12
) -> list[Floats]:
    """Return points ``center + first cos(t) + second sin(t)``, t between two angles in degrees."""
    turn = np.radians(np.linspace(*angles, num))[:, None]
    curve = np.asarray(center, float) + np.cos(turn) * np.asarray(first, float)
    return list(curve + np.sin(turn) * np.asarray(second, float))


def spread(start: float, stop: float, num: int) -> list[float]:
    """Return `num` evenly spaced numbers, both ends included."""
    return [float(value) for value in np.linspace(start, stop, num)]


def vector(x: float, y: float, z: float) -> Floats:
    """Return three numbers as an array, to be added to a point."""
    return np.array([x, y, z], np.float64)


def rotation(axis: tuple[float, float, float], degrees: float) -> Floats:
    """Return the ``(3, 3)`` rotation about an axis through the origin."""
    # trimesh.transformations carries no types
    matrix: Floats = trimesh.transformations.rotation_matrix(np.radians(degrees), axis)  # type: ignore[no-untyped-call]
    return matrix[:3, :3]


_WIRE = 0.25
_THIN = 0.008  # metres: under a pixel or two at any size we draw; sides and joints do not show
_UPRIGHT = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # takes z to y


def _place(
    template: trimesh.Trimesh, material: Material, scale: Floats, rotation: Floats, center: Point
) -> Part:
    grain = template.vertices * scale
    normals = template.vertex_normals / scale
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    mesh = trimesh.Trimesh(
        grain @ rotation.T + np.asarray(center, float),
        template.faces,
        vertex_normals=normals @ rotation.T,
        process=False,
    )
    return Part(mesh, material, grain)


def _between(start: Point, stop: Point) -> tuple[Floats, Floats, float]:
    """Rotation that takes z to the direction from start to stop, the middle and the length."""
    start, stop = np.asarray(start, float), np.asarray(stop, float)
    length = float(np.linalg.norm(stop - start))
    axis = (stop - start) / length
    # the width of a beam stays level, unless it stands upright
    x, y, z = axis
    # cross products written out: np.cross takes longer than all the rest of a bar
    side = np.array([z, 0.0, -x]) if abs(y) < 0.99 else np.array([-y, x, 0.0])
    side /= np.linalg.norm(side)
    a, b, c = side
    other = np.array([y * c - z * b, z * a - x * c, x * b - y * a])
    return np.stack([side, other, axis], axis=1), (start + stop) / 2, length


@cache
def _box() -> trimesh.Trimesh:
    return trimesh.graph.smooth_shade(trimesh.creation.box(), angle=_SMOOTH)


@cache
def _cylinder(sections: int) -> trimesh.Trimesh:
    mesh = trimesh.creation.cylinder(radius=1, height=1, sections=sections)
    return trimesh.graph.smooth_shade(mesh, angle=_SMOOTH)


@cache
def _cone() -> trimesh.Trimesh:
    return trimesh.graph.smooth_shade(trimesh.creation.cone(1, 1, sections=16), angle=_SMOOTH)


@cache
def _sphere(subdivisions: int) -> trimesh.Trimesh:
    mesh = trimesh.creation.icosphere(subdivisions)
    return trimesh.Trimesh(
        mesh.vertices, mesh.faces, vertex_normals=mesh.vertices.copy(), process=False
    )


@cache
def _torus() -> trimesh.Trimesh:
    mesh = trimesh.creation.torus(1, _WIRE, major_sections=48, minor_sections=8)
    return trimesh.graph.smooth_shade(mesh, angle=_SMOOTH)
