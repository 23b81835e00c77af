"""What is behind and under the object: a photograph, or a textured ground before a wall."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from generation.scenes.camera import Camera, focal
from generation.scenes.textures import pyramid

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Table = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A picture that is laid on a plane, repeated by reflection."""

    name: str
    """Of a photograph or a noise tile."""
    scale: float
    """Pictures per unit of length (ground, wall), or per image width (photograph)."""
    offset: tuple[float, float]
    """Where the picture begins, in pictures."""
    gain: tuple[float, float, float]
    """Factors of red, green and blue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """Everything but the object."""

    kind: Literal["photo", "room"]
    """``photo``: `wall` fills the image. ``room``: `wall` stands behind `ground`."""
    wall: Surface
    ground: Surface
    distance: float
    """Units of length from the target to the wall."""
    blur: float
    """Standard deviation of the defocus, in thousandths of the image's side."""


def draw_background(background: Background, camera: Camera, size: int) -> tuple[Bytes, Bytes]:
    """Return ``(size, size, 3)`` uint8 RGB, and ``(size, size)`` uint8: 1 where ground is seen."""
    wall, ground = background.wall, background.ground
    view = np.array([camera.eye(), *camera.axes(), camera.target])
    numbers = np.array([_numbers(wall), _numbers(ground)])
    distance = -1.0 if background.kind == "photo" else background.distance
    pictures = pyramid(wall.name), pyramid(ground.name)
    image, floor = _draw(*pictures, numbers, np.round(view, 9), distance, focal(size), size)
    sigma = background.blur * size / 1000
    if sigma > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), sigma).astype(np.uint8, copy=False)
    return image, floor


def _numbers(surface: Surface) -> list[float]:
    return [surface.scale, *surface.offset, *surface.gain]


@njit(nogil=True, cache=True)
def _draw(
    wall: tuple[Bytes, Table],
    ground: tuple[Bytes, Table],
    numbers: Floats,
    view: Floats,
    distance: float,
    length: float,
    size: int,
) -> tuple[Bytes, Bytes]:
    image = np.empty((size, size, 3), np.uint8)
    floor = np.zeros((size, size), np.uint8)
    eye, right, up, forward, target = view
    flat = np.sqrt(forward[0] ** 2 + forward[2] ** 2)
    ahead_x, ahead_z = forward[0] / flat, forward[2] / flat
    gone = (target[0] - eye[0]) * ahead_x + (target[2] - eye[2]) * ahead_z
    for i in range(size):
        for j in range(size):
            across, lift = (j + 0.5 - size / 2) / length, (size / 2 - i - 0.5) / length
            dx = forward[0] + across * right[0] + lift * up[0]
            dy = forward[1] + across * right[1] + lift * up[1]
            dz = forward[2] + across * right[2] + lift * up[2]
            ahead = dx * ahead_x + dz * ahead_z
            to_ground = -eye[1] / dy if dy < -1e-6 else np.inf
            floor[i, j] = to_ground < np.inf
            if distance < 0:
                u, v = (j + 0.5) / size, (i + 0.5) / size
                _sample(wall, numbers[0], u, v, 1.0 / size, image, i, j)
                continue
            to_wall = (gone + distance) / ahead
            if to_ground < to_wall:
                x, z = eye[0] + to_ground * dx, eye[2] + to_ground * dz
                # a pixel's footprint is longest in depth; the mean of both ways looks best
                step = to_ground / length / np.sqrt(-dy)
                _sample(ground, numbers[1], x, z, step, image, i, j)
                continue
            floor[i, j] = 0
            side = to_wall * across
            drop = -(eye[1] + to_wall * dy)
            _sample(wall, numbers[0], side, drop, to_wall / length, image, i, j)
    return image, floor


@njit(nogil=True, cache=True)
def _sample(
    picture: tuple[Bytes, Table],
    numbers: Floats,
    u: float,
    v: float,
    step: float,
    image: Bytes,
    i: int,
    j: int,
) -> None:
    """Set a pixel to the bilinear value at (u, v), from the level with texels of about a step."""
    data, table = picture
    level, texels = 0, table[0, 2] * numbers[0] * step
    while texels > 1.5 and level < len(table) - 1:
        texels, level = texels / 2, level + 1
    begin, height, width = table[level, 0], table[level, 1], table[level, 2]
    column = (u * numbers[0] + numbers[1]) * width - 0.5
    row = (v * numbers[0] + numbers[2]) * width - 0.5
    left, top = int(np.floor(column)), int(np.floor(row))
    part, rest = column - left, row - top
    one, two = 3 * _mirror(left, width), 3 * _mirror(left + 1, width)
    upper = begin + 3 * width * _mirror(top, height)
    lower = begin + 3 * width * _mirror(top + 1, height)
    for c in range(3):
        above = data[upper + one + c] * (1 - part) + data[upper + two + c] * part
        below = data[lower + one + c] * (1 - part) + data[lower + two + c] * part
        value = (above * (1 - rest) + below * rest) * numbers[3 + c]
        image[i, j, c] = int(min(255.0, value + 0.5))


@njit(nogil=True, cache=True, inline="always")
def _mirror(cell: int, num: int) -> int:
    if cell < 0 or cell >= 2 * num:  # division is slow, and most cells need none
        cell %= 2 * num
    return cell if cell < num else 2 * num - 1 - cell
