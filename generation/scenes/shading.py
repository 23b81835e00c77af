"""Colour of what the rasteriser found: texture, ambient and direct light, a highlight.

Letters: F faces, M materials, T side of a texture tile, h and w pixels of the window.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from generation.scenes.rasterizer import NOTHING, stagger

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

SURFACE = np.dtype(
    (
        np.record,
        [
            ("color", np.float64, 3),  # 0..255
            ("tile", np.int64),
            ("contrast", np.float64),  # 0: plain colour, 1: the tile's own
            ("scale", np.float64),  # tiles per metre of grain
            ("specular", np.float64),  # strength of the highlight, 0..1
            ("power", np.int64),  # its sharpness as a power of two
        ],
    )
)
"""One row per material of a scene."""


@njit(nogil=True, cache=True)
def shade(
    index: Ints,
    side: int,
    corners: Floats,
    surface: Ints,
    surfaces: NDArray[np.record],
    tiles: Bytes,
    light: Floats,
) -> tuple[Bytes, Bytes]:
    """Return colour and coverage per pixel; each triangle is shaded once per pixel it is in.

    Args:
        index: ``(h side, w side)`` result of `rasterize`.
        side: Samples per pixel side.
        corners: ``(F, 3, 8)`` per corner: x, y in pixels of the window, 1 / depth, unit normal, and
            texture coordinates u, v in metres.
        surface: ``(F,)`` rows of `surfaces`.
        surfaces: ``(M,)`` records of dtype `SURFACE`.
        tiles: ``(K, T, T, 3)`` uint8 with mean 128.
        light: ``(3, 3)`` rows: direction to the light, direction half way to the viewer,
            (ambient, direct, unused) strengths.

    Returns:
        ``(h, w, 3)`` uint8 premultiplied by coverage, and ``(h, w)`` uint8 coverage.
    """
    height, width = index.shape[0] // side, index.shape[1] // side
    color = np.zeros((height, width, 3), np.uint8)
    alpha = np.zeros((height, width), np.uint8)
    total, once = np.zeros(3), np.zeros(3)
    share = 1.0 / (side * side)
    for i in range(height):
        for j in range(width):
            hits, previous = 0, NOTHING
            total[:] = 0
            for row in range(i * side, (i + 1) * side):
                for column in range(j * side, (j + 1) * side):
                    face = index[row, column]
                    if face == NOTHING:
                        continue
                    if face != previous:
                        x = (column + 0.5 + stagger(row, side)) / side
                        y = (row + 0.5) / side
                        material = surfaces[surface[face]]
                        _shade_point(x, y, corners, face, material, tiles, light, once)
                        previous = face
                    hits += 1
                    total += once
            if hits:
                alpha[i, j] = int(hits * 255 * share + 0.5)
                for channel in range(3):
                    color[i, j, channel] = int(total[channel] * share + 0.5)
    return color, alpha


@njit(nogil=True, cache=True)
def majority(index: Ints, side: int, owner: Ints, num: int) -> Bytes:
    """Return ``(h, w)`` uint8: the object, 1..`num`, that has most of a pixel; 0 background.

    `owner` is ``(F,)``, the object of each face. Ties go to the lower value.
    """
    height, width = index.shape[0] // side, index.shape[1] // side
    labels = np.zeros((height, width), np.uint8)
    votes = np.zeros(num + 1, np.int64)
    for i in range(height):
        for j in range(width):
            votes[:] = 0
            for row in range(i * side, (i + 1) * side):
                for column in range(j * side, (j + 1) * side):
                    face = index[row, column]
                    votes[0 if face == NOTHING else owner[face]] += 1
            labels[i, j] = votes.argmax()
    return labels


@njit(nogil=True, cache=True)
def _shade_point(
    x: float,
    y: float,
    corners: Floats,
    face: int,
    material: np.record,
    tiles: Bytes,
    light: Floats,
    result: Floats,
) -> None:
    ax, ay, az = corners[face, 0, 0], corners[face, 0, 1], corners[face, 0, 2]
    bx, by, bz = corners[face, 1, 0], corners[face, 1, 1], corners[face, 1, 2]
    cx, cy, cz = corners[face, 2, 0], corners[face, 2, 1], corners[face, 2, 2]
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    two = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
    three = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
    # shares in space, not on the image: nearer corners count more
    one, two, three = (1 - two - three) * az, two * bz, three * cz
    depth = one + two + three
    one, two, three = one / depth, two / depth, three / depth
    nx = one * corners[face, 0, 3] + two * corners[face, 1, 3] + three * corners[face, 2, 3]
    ny = one * corners[face, 0, 4] + two * corners[face, 1, 4] + three * corners[face, 2, 4]
    nz = one * corners[face, 0, 5] + two * corners[face, 1, 5] + three * corners[face, 2, 5]
    norm = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
    if area > 0:  # y points down, so this triangle is seen from behind
        norm = -norm
    nx, ny, nz = nx / norm, ny / norm, nz / norm
    lambert = max(0.0, nx * light[0, 0] + ny * light[0, 1] + nz * light[0, 2])
    shine = max(0.0, nx * light[1, 0] + ny * light[1, 1] + nz * light[1, 2])
    for _ in range(material.power):
        shine *= shine
    # light from above is stronger than what the ground sends back
    strength = light[2, 0] * (0.8 + 0.2 * ny) + light[2, 1] * lambert
    u = one * corners[face, 0, 6] + two * corners[face, 1, 6] + three * corners[face, 2, 6]
    v = one * corners[face, 0, 7] + two * corners[face, 1, 7] + three * corners[face, 2, 7]
    num = tiles.shape[1]
    stretch = material.scale * num
    row, column = _mirror(v * stretch, num), _mirror(u * stretch, num)
    for channel in range(3):
        texel = tiles[material.tile, row, column, channel] / 128.0
        base = material.color[channel] * (1 + material.contrast * (texel - 1))
        value = base * strength + 255 * material.specular * shine
        result[channel] = min(255.0, max(0.0, value))


@njit(nogil=True, cache=True, inline="always")
def _mirror(position: float, num: int) -> int:
    """Fold a position into [0, num) by reflection: every tile is seamless."""
    cell = int(np.floor(position)) % (2 * num)
    return cell if cell < num else 2 * num - 1 - cell
