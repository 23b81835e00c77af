"""Scenes whose objects are named by colour, material and kind, such as "red metal chair".

Names that are put together from words let one ask whether a segmenter knows a name by its words:
each word is met with a mask, this one name is not.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, product
from pathlib import Path
from types import MappingProxyType

import numpy as np

from datamodules.sample import Sample
from datamodules.seeds import seed_for
from datamodules.vocabulary import read_vocabulary
from generation.objects import CLASSES
from generation.objects.proportions import Split
from generation.procedural import ProceduralScenes
from generation.scenes.appearance import Appearance, Color, Finish
from generation.scenes.geometry import MATERIALS
from generation.scenes.spec import SceneSpec, draw_scene

COLOURS: MappingProxyType[str, Color] = MappingProxyType(
    {
        "red": (215.0, 40.0, 35.0),
        "yellow": (235.0, 205.0, 40.0),
        "green": (45.0, 165.0, 60.0),
        "blue": (40.0, 75.0, 215.0),
    }
)
_SURFACES = MappingProxyType(  # tile, contrast, tiles per metre, strength of the highlight
    {
        "wooden": ("wood", 1.0, 1.5, 0.05),
        "brick": ("brick", 1.0, 2.5, 0.0),
        "metal": ("clouds", 0.1, 1.0, 0.9),
    }
)
KINDS = ("bed", "bench", "bicycle", "chair", "fan", "lamp", "table", "umbrella")
"""Objects that look different at 64 pixels."""


def composed_names(kinds: Sequence[str] = KINDS) -> tuple[str, ...]:
    """Return every colour, material and kind together, such as ``"red metal chair"``."""
    return tuple(" ".join(words) for words in product(COLOURS, _SURFACES, kinds))


def distinct_names() -> tuple[str, ...]:
    """Return one name for each colour and kind: at 64 pixels materials are not told apart."""
    material = dict(zip(COLOURS, cycle(_SURFACES), strict=False))
    return tuple(f"{colour} {material[colour]} {kind}" for colour, kind in product(COLOURS, KINDS))


def half_of(names: Sequence[str], *, odd: bool = False) -> tuple[str, ...]:
    """Return the names whose words' places in their lists sum to an even number, or an odd one.

    Two names that differ in one word by one place are never in one half, and both halves of
    `composed_names` have every word and every two words, those of `distinct_names` every word.
    """
    lists = [list(COLOURS), list(_SURFACES), list(CLASSES)]

    def place(name: str) -> int:
        return sum(words.index(word) for words, word in zip(lists, name.split(), strict=True))

    return tuple(name for name in names if place(name) % 2 == odd)


class CompositionScenes(ProceduralScenes):
    """Procedural scenes of the training photographs, with objects dressed as their names say.

    The prompt of a labelled scene is its caption. The split ``test`` has no wood and no brick.

    Args:
        size: Height and width of the images in pixels.
        names: See `composed_names`; or the file of a list. None: all of them.
        seed: Root of all randomness.
        unsaid: How often a caption leaves out a colour, and how often a material, in [0, 1]: of
            whole names alone a CLIP learns colours, and hardly what a chair is.

    Raises:
        ValueError: If a name is not colour, material and kind, a number is out of its range; and
            of every scene of the split ``test``.

    Example:
        >>> scenes = CompositionScenes(size=32, names=["red metal bed", "blue brick fan"])
        >>> scenes.labelled(scenes.spec("val", 1)).prompt
        'a blue brick fan'
    """

    def __init__(
        self,
        *,
        size: int = 64,
        names: list[str] | Path | str | None = None,
        seed: int = 0,
        unsaid: float = 0.0,
    ) -> None:
        super().__init__(size=size, seed=seed)
        if not 0 <= unsaid <= 1:
            raise ValueError(f"unsaid is {unsaid}: give a share in [0, 1]")
        self.unsaid = unsaid
        if isinstance(names, Path | str):
            names = list(read_vocabulary(names).names)
        self.classes = composed_names() if names is None else tuple(names)
        known = set(composed_names(tuple(CLASSES)))
        unknown = [name for name in self.classes if name not in known]
        if unknown or not self.classes:
            raise ValueError(
                f"names {unknown[:3] or 'are empty'}: give a colour of {', '.join(COLOURS)}, a "
                f"material of {', '.join(_SURFACES)} and an object, such as 'red metal chair'"
            )

    def id_of(self, split: Split, index: int) -> str:
        """Return a scene's id."""
        name = self.classes[index % len(self.classes)].replace(" ", "-")
        return f"{name}_{split}_{index:06d}"

    def labelled(self, scene: SceneSpec, *, counterfactual: bool = False) -> Sample:
        """Return the label map of a scene, with its caption."""
        sample = super().labelled(scene, counterfactual=counterfactual)
        rng = np.random.default_rng(seed_for(self.seed, scene.id, "caption"))
        said = (_said(item.class_name, rng, unsaid=self.unsaid) for item in scene.objects)
        return replace(sample, prompt=" and ".join(f"a {words}" for words in said))

    def _drawn(self, id: str, split: Split, class_names: Sequence[str]) -> SceneSpec:
        if split == "test":
            raise ValueError("the split test has no wood and no brick: take val")
        scene = draw_scene(self.seed, id, split, [name.split()[2] for name in class_names])
        rng = np.random.default_rng(seed_for(self.seed, id, "dress"))
        objects = tuple(
            replace(item, class_name=name, appearance=_dress(name, rng))
            for item, name in zip(scene.objects, class_names, strict=True)
        )
        return replace(scene, objects=objects)


def _said(name: str, rng: np.random.Generator, *, unsaid: float) -> str:
    """Return the words of a name that a caption says."""
    *others, kind = name.split()
    heard = [word for word in others if rng.random() >= unsaid]
    return " ".join([*heard, kind])


def _dress(name: str, rng: np.random.Generator) -> Appearance:
    """Return one finish for all parts; shades of a colour differ from object to object."""
    colour, material, _ = name.split()
    tile, contrast, scale, specular = _SURFACES[material]
    red, green, blue = (
        float(np.clip(value * gain, 0, 255))
        for value, gain in zip(COLOURS[colour], rng.uniform(0.85, 1.15, size=3), strict=True)
    )
    finish = Finish(
        color=(red, green, blue),
        tile=tile,
        contrast=contrast,
        scale=scale * float(rng.uniform(0.8, 1.25)),
        specular=specular,
        power=4,
    )
    return MappingProxyType(dict.fromkeys(MATERIALS, finish))
