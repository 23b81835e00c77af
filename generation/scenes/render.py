"""From a scene to its pixels, exact masks and counterfactual."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from generation.scenes.background import draw_background
from generation.scenes.camera import Camera
from generation.scenes.film import expose, soften
from generation.scenes.geometry import MATERIALS, Geometry, geometry, join
from generation.scenes.rasterizer import coverage, rasterize
from generation.scenes.shading import SURFACE, majority, shade
from generation.scenes.spec import Light, SceneSpec
from generation.scenes.textures import textures, tile

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

SAMPLES = 4
"""Samples per pixel side: 16 levels of coverage before the lens blur."""
_SHADOW_SAMPLES = 2  # its edge is blurred anyway


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rendering:
    """A drawn scene. H = W = the size asked for."""

    image: Bytes
    """``(H, W, 3)`` uint8 RGB."""
    alpha: Bytes
    """``(H, W)`` uint8, soft coverage of all objects together."""
    labels: Bytes | None
    """``(H, W)`` uint8: k where ``objects[k - 1]`` has most of the pixel, 0 background."""
    shadow: Bytes
    """``(H, W)`` uint8, share of light that the shadow takes from the background."""
    counterfactual: Bytes | None
    """Like `image`, without objects and shadow: the same bytes where `alpha` and `shadow` are 0."""


def render(
    scene: SceneSpec,
    size: int,
    *,
    counterfactual: bool = False,
    labels: bool = False,
    samples: int = SAMPLES,
) -> Rendering:
    """Draw a scene.

    Args:
        scene: What to draw.
        size: Height and width in pixels.
        counterfactual: Whether to draw the scene without its objects too.
        labels: Whether to say which object each pixel belongs to.
        samples: Samples per pixel side.
    """
    shape = join([geometry(item) for item in scene.objects])
    screen = scene.camera.project(shape.points, size)
    color, alpha = np.zeros((size, size, 3), np.uint8), np.zeros((size, size), np.uint8)
    window, origin, index = _visible(screen, shape.faces, size, samples)
    color[window], alpha[window] = _shade(scene, shape, screen - [*origin, 0], index, samples)
    owners = np.zeros((size, size), np.uint8)
    if labels:
        owners[window] = majority(index, samples, shape.owner, len(scene.objects))
    background, floor = draw_background(scene.background, scene.camera, size)
    shadow = _cast(shape, scene.light, scene.camera, size) * floor
    color, alpha = soften(color, scene.film), soften(alpha, scene.film)
    nothing = np.zeros_like(alpha)
    without = None
    if counterfactual:
        without = expose(background, np.zeros_like(color), nothing, nothing, scene.film)
    image = expose(background, color, alpha, shadow, scene.film)
    return Rendering(
        image=image,
        alpha=alpha,
        labels=owners if labels else None,
        shadow=shadow,
        counterfactual=without,
    )


def _visible(
    screen: Floats, faces: Ints, size: int, samples: int
) -> tuple[tuple[slice, slice], Floats, Ints]:
    """Return the rows and columns that hold all points, their origin, and what is seen there."""
    seen = screen[screen[:, 2] > 0, :2]
    low = np.clip(np.floor(seen.min(axis=0)).astype(int), 0, size - 1)
    high = np.clip(np.ceil(seen.max(axis=0)).astype(int), low + 1, size)
    origin = low.astype(np.float64)
    shape = (int(high[1] - low[1]), int(high[0] - low[0]))
    index = rasterize(screen, faces, origin, shape, samples)
    return (slice(low[1], high[1]), slice(low[0], high[0])), origin, index


def _shade(
    scene: SceneSpec, shape: Geometry, screen: Floats, index: Ints, samples: int
) -> tuple[Bytes, Bytes]:
    light = np.array(scene.light.direction())
    half = light - scene.camera.axes()[2]
    strengths = [scene.light.ambient, scene.light.direct, 0.0]
    lights = np.array([light, half / np.linalg.norm(half), strengths])
    names = textures(scene.split)
    finishes = [item.appearance[name] for item in scene.objects for name in MATERIALS]
    surfaces = np.rec.array(
        [
            (f.color, names.index(f.tile), f.contrast, f.scale, f.specular, f.power)
            for f in finishes
        ],
        dtype=SURFACE,
    )
    tiles = np.stack([tile(name) for name in names])
    corners = np.concatenate([screen, shape.normals], axis=1)[shape.faces]
    corners = np.round(np.concatenate([corners, shape.grain], axis=2), 9)
    return shade(index, samples, corners, shape.material, surfaces, tiles, np.round(lights, 9))


def _cast(shape: Geometry, light: Light, camera: Camera, size: int) -> Bytes:
    """Shadow of all triangles on the ground, as the share of light it takes."""
    direction = np.array(light.direction())
    points = shape.points - shape.points[:, 1:2] / direction[1] * direction
    screen = camera.project(points, size)
    sigma = light.penumbra * size / 1000
    window, _, index = _visible(screen, shape.faces, size, _SHADOW_SAMPLES)
    shadow = np.zeros((size, size), np.uint8)
    shadow[window] = coverage(index, _SHADOW_SAMPLES)
    soft = cv2.GaussianBlur(shadow, (0, 0), max(sigma, 0.3))
    return np.round(soft * light.shadow).astype(np.uint8)
