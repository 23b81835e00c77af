"""ProceduralScenes: the embedded source of images with exact masks. It needs no download.

Objects with thin parts and holes stand before photographs that ship inside the scikit-image and
scikit-learn wheels. Every pixel follows from (seed, split, index), so that other parts can be
proved against its masks, other views, other proportions and counterfactuals.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import torch

from datamodules.sample import MaskKind, Provenance, Sample
from datamodules.seeds import seed_for
from generation.dis5k_folder import Recipe, write_subset
from generation.objects import CLASSES, GROUPS
from generation.objects.proportions import Split
from generation.scenes.render import render
from generation.scenes.spec import SceneSpec, draw_camera, draw_scene
from generation.scenes.textures import licence

VERSION = 1
"""Raised whenever the same seed gives other pixels: folders written before are then refused."""
_SUBSETS: Mapping[str, tuple[Split, int]] = {
    "DIS-TR": ("train", 0),
    "DIS-VD": ("val", 0),
    # the four test subsets share the split and must not share scenes
    **{f"DIS-TE{k}": ("test", (k - 1) * 1_000_000) for k in range(1, 5)},
}


class ProceduralScenes:
    """Scenes with one or several parametric objects, drawn from a seed.

    The test split holds out photographs (china, rocket, tissue), textures (gravel, moon, marble,
    speckle), the outer tenths of every proportion, azimuths of 26 to 39 degrees, elevations above
    23 degrees and lights above 62 degrees; train and val have none of these. Train and val differ
    by their seeds alone.

    Example:
        >>> scenes = ProceduralScenes(size=64, classes=["chair"])
        >>> scenes.sample(scenes.spec("train", 0)).mask.shape
        torch.Size([64, 64])
    """

    def __init__(
        self,
        *,
        size: int = 512,
        classes: Sequence[str] | None = None,
        seed: int = 0,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        """Choose what is drawn.

        Args:
            size: Height and width of the images in pixels.
            classes: Names from `generation.objects.CLASSES`; None for all of them.
            seed: Root of all randomness.
            counts: Number of pairs that `write` makes for ``DIS-TR`` (split train), ``DIS-VD``
                (val) and ``DIS-TE1`` to ``DIS-TE4`` (test).

        Raises:
            ValueError: If the size is below 8, or a class or a subset is unknown.
        """
        self.size = size
        self.classes = tuple(CLASSES) if classes is None else tuple(classes)
        self.seed = seed
        self.counts = dict(counts or {})
        if size < 8:
            raise ValueError(f"size is {size}; scenes need at least 8 pixels")
        unknown = sorted(set(self.classes) - set(CLASSES))
        if unknown or not self.classes:
            raise ValueError(f"classes {unknown or 'are empty'}; choose from {', '.join(CLASSES)}")
        unknown = sorted(set(self.counts) - set(_SUBSETS))
        if unknown:
            raise ValueError(f"unknown subsets {unknown}; choose from {', '.join(_SUBSETS)}")

    def spec(self, split: Split, index: int) -> SceneSpec:
        """Return the scene of an index; classes take turns, see `id_of`."""
        name = self.classes[index % len(self.classes)]
        return self._drawn(self.id_of(split, index), split, [name])

    def id_of(self, split: Split, index: int) -> str:
        """Return a scene's id, a DIS5K file name: ``group#Group#class#Class#name``."""
        name = self.classes[index % len(self.classes)]
        return f"{GROUPS[name]}#{name}_{split}_{index:06d}"

    def seeded(self, seed: int) -> Self:
        """Return scenes of the same kind drawn from another seed."""
        other = copy(self)
        other.seed = seed
        return other

    def crowd(self, split: Split, index: int, *, num_objects: int = 3) -> SceneSpec:
        """Return a scene of several objects of different classes, side by side and overlapping.

        Raises:
            ValueError: If there are fewer classes than objects.
        """
        if not 1 <= num_objects <= len(self.classes):
            raise ValueError(f"num_objects is {num_objects}; there are {len(self.classes)} classes")
        id = f"crowd_{split}_{index:06d}"
        rng = np.random.default_rng(seed_for(self.seed, id, "classes"))
        chosen = rng.permutation(len(self.classes))[:num_objects]
        return self._drawn(id, split, [self.classes[k] for k in chosen])

    def other_view(self, scene: SceneSpec, number: int) -> SceneSpec:
        """Return the same objects, light and background from a random other viewpoint."""
        id = f"{scene.id}-view{number}"
        rng = np.random.default_rng(seed_for(self.seed, id, "camera"))
        return replace(scene, id=id, camera=draw_camera(rng, scene.split, scene.objects))

    def other_proportions(self, scene: SceneSpec, number: int) -> SceneSpec:
        """Return the same scene, seen alike, with objects of other lengths.

        Numbers of bars, spokes and the like, styles and finishes stay.
        """
        id = f"{scene.id}-shape{number}"
        rng = np.random.default_rng(seed_for(self.seed, id, "proportions"))
        objects = tuple(
            replace(item, proportions=item.proportions.reshaped(rng, scene.split))
            for item in scene.objects
        )
        return replace(scene, id=id, objects=objects)

    def sample(self, scene: SceneSpec, *, counterfactual: bool = False) -> Sample:
        """Return the soft mask of all objects of a scene with its image.

        Args:
            scene: What to draw.
            counterfactual: Whether to draw the scene without its objects and their shadow too. Its
                bytes equal the image's wherever neither mask nor shadow is.
        """
        drawn = render(scene, self.size, counterfactual=counterfactual)
        without = drawn.counterfactual
        return Sample(
            id=scene.id,
            image=_channels_first(drawn.image),
            mask=torch.from_numpy(drawn.alpha),
            mask_kind=MaskKind.ALPHA,
            class_names=tuple(item.class_name for item in scene.objects),
            seed=scene.seed,
            provenance=_provenance(scene),
            counterfactual=None if without is None else _channels_first(without),
        )

    def labelled(self, scene: SceneSpec, *, counterfactual: bool = False) -> Sample:
        """Return the label map of a scene: value k is object k - 1 of it, 0 the background.

        Two objects of one class share the value of the first.
        """
        drawn = render(scene, self.size, counterfactual=counterfactual, labels=True)
        assert drawn.labels is not None
        names = list(dict.fromkeys(item.class_name for item in scene.objects))
        value = [0, *(names.index(item.class_name) + 1 for item in scene.objects)]
        without = drawn.counterfactual
        return Sample(
            id=scene.id,
            image=_channels_first(drawn.image),
            mask=torch.from_numpy(np.array(value, np.uint8)[drawn.labels]),
            mask_kind=MaskKind.LABELS,
            class_names=("background", *names),
            seed=scene.seed,
            provenance=_provenance(scene),
            counterfactual=None if without is None else _channels_first(without),
        )

    def write(self, root: Path) -> None:
        """Write the DIS5K layout: ``root/<subset>/im/<name>.jpg`` and ``gt/<name>.png``.

        A subset appears whole, by a rename, or not at all. One that is there already and was made
        by the same recipe is kept. Several processes may call this at once.

        Args:
            root: Folder of the data set; made where missing.

        Raises:
            ValueError: If the folder of a subset was made by another recipe.
        """
        for subset, count in self.counts.items():
            split, first = _SUBSETS[subset]
            recipe: Recipe = {
                "generator": "ProceduralScenes",
                "version": VERSION,
                "size": self.size,
                "classes": list(self.classes),
                "seed": self.seed,
                "count": count,
            }
            write_subset(root / subset, recipe, count, partial(self._numbered, split, first))

    def _drawn(self, id: str, split: Split, class_names: Sequence[str]) -> SceneSpec:
        return draw_scene(self.seed, id, split, class_names)

    def _numbered(self, split: Split, first: int, number: int) -> Sample:
        return self.sample(self.spec(split, first + number))


def _channels_first(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _provenance(scene: SceneSpec) -> Provenance:
    names = [scene.background.wall.name, scene.background.ground.name]
    names += [finish.tile for item in scene.objects for finish in item.appearance.values()]
    return Provenance(source="procedural", revision=str(VERSION), licence=licence(names))
