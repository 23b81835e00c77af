"""Procedural scenes as photos with label maps, to score segmenters of named classes on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from datamodules.atomic import write_atomically
from datamodules.label_folder import LabelFolder
from datamodules.label_set import LabelSet
from datamodules.sample import Sample
from datamodules.vocabulary import BACKGROUND
from generation.dis5k_folder import Recipe, write_subset
from generation.objects.proportions import Split
from generation.procedural import VERSION, ProceduralScenes


class ProceduralLabelMaps:
    """Scenes with exact label maps, written once. A `datamodules.label_set.LabelSource`.

    The layout is that of `datamodules.label_folder.LabelFolder`; background is scored. Scenes of
    the test split show photographs, proportions and viewpoints that no training scene has.

    Args:
        root: Folder of the set; made where missing.
        scenes: Draws them; its classes in their order are the labels from 1 on.
        number: Of photos.
        split: ``train``, ``val`` or ``test``.
        crowded_every: Every such photo shows objects of two classes, the others one. 0: none does.

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(
        self,
        root: Path | str,
        scenes: ProceduralScenes,
        *,
        number: int,
        split: Split = "test",
        crowded_every: int = 3,
    ) -> None:
        if number < 1 or crowded_every < 0 or (crowded_every and len(scenes.classes) < 2):
            raise ValueError(
                f"number {number} must be 1 or more, and crowded_every {crowded_every} 0 or more, "
                "0 where there is one class alone"
            )
        self.root = Path(root)
        self.scenes = scenes
        self.number = number
        self.split: Split = split
        self.crowded_every = crowded_every

    def find(self) -> LabelSet:
        """Return the set, which is written first if it is not there; several processes may ask.

        Raises:
            ValueError: If something else stands in its place.
            OSError: If it cannot be written.
        """
        recipe: Recipe = {
            "generator": "ProceduralLabelMaps",
            "version": VERSION,
            "size": self.scenes.size,
            "classes": list(self.scenes.classes),
            "seed": self.scenes.seed,
            "count": self.number,
            "crowded_every": self.crowded_every,
        }
        folder = self.root / self.split
        write_subset(folder, recipe, self.number, self._photo, masks="labels")
        names = "\n".join((BACKGROUND, *self.scenes.classes))
        write_atomically(self.root / "classes.txt", f"{names}\n".encode())
        return LabelFolder(self.root, self.split).find()

    def _photo(self, index: int) -> Sample:
        every = self.crowded_every
        if every and index % every == every - 1:
            scene = self.scenes.crowd(self.split, index, num_objects=2)
        else:
            scene = self.scenes.spec(self.split, index)
        sample = self.scenes.labelled(scene)
        labels = [0, *(1 + self.scenes.classes.index(name) for name in sample.class_names[1:])]
        mask = torch.from_numpy(np.array(labels, np.uint8)[sample.mask.numpy()])
        return replace(sample, mask=mask, class_names=(BACKGROUND, *self.scenes.classes))
