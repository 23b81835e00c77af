"""Objects in a scene, as triangles in world coordinates."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from generation.objects.parts import Material
from generation.objects.proportions import Proportions
from generation.scenes.appearance import Appearance

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

MATERIALS: tuple[Material, ...] = ("frame", "panel", "fabric", "dark", "metal")
"""The order in which faces refer to materials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSpec:
    """One object in a scene."""

    class_name: str
    proportions: Proportions
    appearance: Appearance
    position: tuple[float, float] = (0.0, 0.0)
    """x and z of the middle of its foot on the ground, in units of length."""
    yaw: float = 0.0
    """Degrees it is turned by about the vertical."""
    scale: float = 1.0
    """Radius of its bounding sphere in units of length."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Geometry:
    """Triangles of one object or of several. V vertices, F faces."""

    points: Floats
    """``(V, 3)`` positions."""
    normals: Floats
    """``(V, 3)`` unit normals."""
    faces: Ints
    """``(F, 3)`` rows of `points`, counter-clockwise seen from outside."""
    grain: Floats
    """``(F, 3, 2)`` texture coordinates in metres, per corner."""
    material: Ints
    """``(F,)`` places in `MATERIALS`, plus their number for each object before."""
    owner: Ints
    """``(F,)`` number of the object, from 1."""


def geometry(item: ObjectSpec) -> Geometry:
    """Return one object, turned, scaled and set on the ground."""
    shape = _assemble(item.proportions)
    low, high = shape.points.min(axis=0), shape.points.max(axis=0)
    scale = 2 * item.scale / float(np.linalg.norm(high - low))
    yaw = np.radians(item.yaw)
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    foot = (low + high) / 2 * [1, 0, 1] + low * [0, 1, 0]
    x, z = item.position
    return Geometry(
        points=(shape.points - foot) * scale @ turn.T + [x, 0, z],
        normals=shape.normals @ turn.T,
        faces=shape.faces,
        grain=shape.grain,
        material=shape.material,
        owner=shape.owner,
    )


def join(shapes: list[Geometry]) -> Geometry:
    """Return several objects as one, numbered in order."""
    before = np.cumsum([0] + [len(shape.points) for shape in shapes[:-1]])
    numbered = list(enumerate(shapes))
    return Geometry(
        points=np.concatenate([shape.points for shape in shapes]),
        normals=np.concatenate([shape.normals for shape in shapes]),
        faces=np.concatenate([shape.faces + np.int32(before[k]) for k, shape in numbered]),
        grain=np.concatenate([shape.grain for shape in shapes]),
        material=np.concatenate([shape.material + k * len(MATERIALS) for k, shape in numbered]),
        owner=np.concatenate([shape.owner + k for k, shape in numbered]),
    )


# a scene asks twice (framing, drawing), and its variations ask again
@lru_cache(maxsize=32)
def _assemble(proportions: Proportions) -> Geometry:
    points, normals, faces, grains, materials = [], [], [], [], []
    count = 0
    for part in proportions.parts():
        corners = np.asarray(part.mesh.faces, np.int32)
        points.append(np.asarray(part.mesh.vertices, np.float64))
        normals.append(np.asarray(part.mesh.vertex_normals, np.float64))
        faces.append(corners + np.int32(count))
        grains.append(part.grain[corners])
        materials.append(np.full(len(corners), MATERIALS.index(part.material), np.int32))
        count += len(points[-1])
    return Geometry(
        points=np.concatenate(points),
        normals=np.concatenate(normals),
        faces=np.concatenate(faces),
        grain=_unwrap(np.concatenate(grains)),
        material=np.concatenate(materials),
        owner=np.ones(sum(map(len, faces)), np.int32),
    )


def _unwrap(grain: Floats) -> Floats:
    """Texture coordinates of faces: the two axes that a face is most nearly parallel to.

    The last axis, along which bars run, is always v where it is one of the two.
    """
    across = np.cross(grain[:, 1] - grain[:, 0], grain[:, 2] - grain[:, 0])
    axis = np.abs(across).argmax(axis=1)
    pairs = np.array([[1, 2], [0, 2], [0, 1]])[axis]
    return np.take_along_axis(grain, pairs[:, None, :], axis=2)
