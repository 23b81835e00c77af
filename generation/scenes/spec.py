"""A scene as numbers: everything that decides its pixels, and how it is drawn from a seed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from datamodules.seeds import seed_for
from generation.objects import CLASSES
from generation.objects.proportions import Split
from generation.scenes.appearance import draw_appearance
from generation.scenes.background import Background, Surface
from generation.scenes.camera import Camera, fit
from generation.scenes.film import Film
from generation.scenes.geometry import ObjectSpec, geometry
from generation.scenes.textures import pictures, textures


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """A distant light."""

    azimuth: float
    """Degrees about the vertical, as the camera's."""
    elevation: float
    """Degrees above the horizon."""
    ambient: float
    """Strength of the light from everywhere."""
    direct: float
    """Strength of the light from this direction."""
    shadow: float
    """Share of light that the shadow takes from the ground, 0..1."""
    penumbra: float
    """Standard deviation of the shadow's edge, in thousandths of the image's side."""

    def direction(self) -> tuple[float, float, float]:
        """Return the unit vector towards the light."""
        azimuth, elevation = np.radians(self.azimuth), np.radians(self.elevation)
        level = np.cos(elevation)
        x, z = level * np.sin(azimuth), level * np.cos(azimuth)
        return float(x), float(np.sin(elevation)), float(z)


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSpec:
    """Everything that decides a scene's pixels. A variation is `dataclasses.replace` of a part."""

    id: str
    split: Split
    seed: int
    """Seed that the scene was drawn from, ``seed_for(root, id)``."""
    objects: tuple[ObjectSpec, ...]
    camera: Camera
    light: Light
    background: Background
    film: Film


def draw_scene(root: int, id: str, split: Split, class_names: Sequence[str]) -> SceneSpec:
    """Return the scene of an id: one object in the middle, or several side by side.

    Each part has a generator of its own, so that one part may change without the others.
    """

    def rng(part: str) -> np.random.Generator:
        return np.random.default_rng(seed_for(root, id, part))

    background = _draw_background(rng("background"), split)
    objects = tuple(
        _draw_object(root, f"{id}/{place}", split, name, background.wall.name)
        for place, name in enumerate(class_names)
    )
    if len(objects) > 1:
        objects = _arrange(rng("arrangement"), objects)
    camera = draw_camera(rng("camera"), split, objects)
    return SceneSpec(
        id=id,
        split=split,
        seed=seed_for(root, id),
        objects=objects,
        camera=camera,
        light=_draw_light(rng("light"), split),
        background=background,
        film=_draw_film(rng("film")),
    )


def draw_camera(rng: np.random.Generator, split: Split, objects: tuple[ObjectSpec, ...]) -> Camera:
    """Return a random viewpoint from which the objects fill 60 to 95 % of the image's longer way.

    Train and val see the front or the back at up to 25 or at 40 to 65 degrees from straight on,
    from 3 to 22 degrees above; test at 26 to 39 degrees, from 23 to 30 degrees above.
    """
    near, far, side = (float(rng.uniform(*band)) for band in ((0, 25), (40, 65), (0, 1)))
    held, low, high = (float(rng.uniform(*band)) for band in ((26, 39), (3, 22), (23, 30)))
    off = held if split == "test" else near if side < 0.5 else far
    sign, back = rng.integers(2, size=2)
    azimuth = (off if sign else -off) + (180.0 if back else 0.0)
    # up to seven tenths of the free border, so that the object stays whole
    fill, free = float(rng.uniform(0.6, 0.95)), rng.uniform(-0.35, 0.35, size=2)
    return fit(
        [geometry(item).points for item in objects],
        azimuth=azimuth,
        elevation=high if split == "test" else low,
        fill=fill,
        shift=(float(free[0]) * (1 - fill), float(free[1]) * (1 - fill)),
    )


def _draw_object(root: int, id: str, split: Split, class_name: str, scenery: str) -> ObjectSpec:
    rng = np.random.default_rng(seed_for(root, id, "appearance"))
    shape = np.random.default_rng(seed_for(root, id, "proportions"))
    return ObjectSpec(
        class_name=class_name,
        proportions=CLASSES[class_name].draw(shape, split),
        appearance=draw_appearance(rng, split, scenery),
    )


def _arrange(rng: np.random.Generator, objects: tuple[ObjectSpec, ...]) -> tuple[ObjectSpec, ...]:
    """Set objects side by side, some nearer to the front than others, so that they overlap."""
    placed = []
    for k, item in enumerate(objects):
        across = (k - (len(objects) - 1) / 2) * 1.05 + rng.uniform(-0.15, 0.15)
        ahead = rng.uniform(-0.9, 0.9)
        yaw, scale = float(rng.uniform(-30, 30)), float(rng.uniform(0.75, 1.0))
        spot = (float(across), float(ahead))
        placed.append(replace(item, position=spot, yaw=yaw, scale=scale))
    return tuple(placed)


def _draw_light(rng: np.random.Generator, split: Split) -> Light:
    """Light stands 35 to 60 degrees high in train and val, 62 to 75 in test."""
    return Light(
        azimuth=float(rng.uniform(0, 360)),
        elevation=float(rng.uniform(62, 75) if split == "test" else rng.uniform(35, 60)),
        ambient=float(rng.uniform(0.45, 0.75)),
        direct=float(rng.uniform(0.35, 0.75)),
        shadow=float(rng.uniform(0.25, 0.65)),
        penumbra=float(rng.uniform(1.5, 9.0)),
    )


def _draw_background(rng: np.random.Generator, split: Split) -> Background:
    walls, grounds = pictures(split), textures(split)
    photo = bool(rng.uniform() < 0.5)
    names = walls if photo or rng.uniform() < 0.5 else grounds
    return Background(
        kind="photo" if photo else "room",
        wall=Surface(
            name=names[int(rng.integers(len(names)))],
            scale=float(rng.uniform(0.35, 0.95) if photo else rng.uniform(0.12, 0.35)),
            offset=_pair(rng),
            gain=_gain(rng, 0.7, 1.2),
        ),
        ground=Surface(
            name=grounds[int(rng.integers(len(grounds)))],
            scale=float(rng.uniform(0.25, 0.7)),
            offset=_pair(rng),
            gain=_gain(rng, 0.6, 1.3),
        ),
        distance=float(rng.uniform(1.6, 5.0)),
        blur=float(rng.uniform(0, 7)) if rng.uniform() < 0.6 else 0.0,
    )


def _draw_film(rng: np.random.Generator) -> Film:
    return Film(
        exposure=_gain(rng, 0.85, 1.12),
        gamma=float(rng.uniform(0.8, 1.2)),
        noise=float(rng.uniform(0.5, 6.0)),
        softness=float(rng.uniform(0.0, 0.8)),
        seed=int(rng.integers(2**62)),
    )


def _pair(rng: np.random.Generator) -> tuple[float, float]:
    # up to two pictures: past the first the reflection has the picture flipped
    first, second = rng.uniform(0, 2, size=2)
    return float(first), float(second)


def _gain(rng: np.random.Generator, low: float, high: float) -> tuple[float, float, float]:
    """One factor for all three colours, and a slight tint."""
    red, green, blue = rng.uniform(low, high) * rng.uniform(0.88, 1.12, size=3)
    return float(red), float(green), float(blue)
