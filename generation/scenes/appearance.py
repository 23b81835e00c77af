"""What the materials of an object look like."""

import colorsys
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from generation.objects.parts import Material
from generation.objects.proportions import Split
from generation.scenes.textures import picture, textures

Color = tuple[float, float, float]
"""Red, green, blue in 0..255."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The look of one material."""

    color: Color
    tile: str
    """Name of a texture."""
    contrast: float
    """0: plain colour, 1: the texture as it is."""
    scale: float
    """Texture tiles per metre."""
    specular: float
    """Strength of the highlight, 0..1."""
    power: int
    """Sharpness of the highlight as a power of two."""


Appearance = Mapping[Material, Finish]
"""One finish per material."""


def draw_appearance(rng: np.random.Generator, split: Split, scenery: str) -> Appearance:
    """Return random finishes.

    Half of the colours are taken from `scenery`, the picture behind the object: colour alone
    must not tell the object from its background.
    """
    colors: dict[Material, Color] = {
        "frame": _wood(rng) if rng.uniform() < 0.45 else _paint(rng),
        "panel": _wood(rng) if rng.uniform() < 0.4 else _paint(rng),
        "fabric": _paint(rng),
        "dark": _grey(rng, 18, 60) if rng.uniform() < 0.7 else _paint(rng),
        "metal": _grey(rng, 90, 225) if rng.uniform() < 0.7 else _paint(rng),
    }
    finishes: dict[Material, Finish] = {}
    for material, color in colors.items():
        if rng.uniform() < 0.5 and material not in ("dark", "metal"):
            color = _borrowed(rng, scenery)
        shiny = material in ("metal", "dark") or rng.uniform() < 0.3
        finishes[material] = Finish(
            color=color,
            tile=textures(split)[int(rng.integers(len(textures(split))))],
            contrast=float(rng.uniform(0.1, 0.35) if shiny else rng.uniform(0.25, 1.0)),
            scale=float(rng.uniform(0.8, 3.0)),
            specular=float(rng.uniform(0.2, 0.6) if shiny else rng.uniform(0, 0.12)),
            power=int(rng.integers(3, 6)),
        )
    return MappingProxyType(finishes)


def _wood(rng: np.random.Generator) -> Color:
    hue, depth, value = rng.uniform((0.04, 0.3, 0.3), (0.1, 0.7, 0.9))
    return _hsv(hue, depth, value)


def _paint(rng: np.random.Generator) -> Color:
    hue, depth, value = rng.uniform((0, 0.05, 0.25), (1, 0.85, 0.95))
    return _hsv(hue, depth, value)


def _grey(rng: np.random.Generator, low: float, high: float) -> Color:
    value = float(rng.uniform(low, high))
    warm = float(rng.uniform(-0.06, 0.06))
    return value * (1 + warm), value, value * (1 - warm)


def _borrowed(rng: np.random.Generator, scenery: str) -> Color:
    pixels = picture(scenery)
    row, column = (int(rng.integers(side - 8)) for side in pixels.shape[:2])
    red, green, blue = pixels[row : row + 8, column : column + 8].mean(axis=(0, 1))
    # lit surfaces come out darker than their colour
    return float(red) * 1.2, float(green) * 1.2, float(blue) * 1.2


def _hsv(hue: float, depth: float, value: float) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(float(hue), float(depth), float(value))
    return red * 255, green * 255, blue * 255
