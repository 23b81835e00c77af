"""What the proof of open-vocabulary training learns from and is tested on."""

from dataclasses import replace
from pathlib import Path

import albumentations
import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from datamodules.atomic import write_atomically
from datamodules.draws import SlotLoader
from datamodules.generated_labels import GeneratedLabels
from datamodules.label_set import LabelSet
from datamodules.label_views import resize_labels
from datamodules.resize import resize
from datamodules.sample import Sample, View
from datamodules.voc import VOCFolder
from datamodules.vocabulary import BACKGROUND
from generation.procedural import ProceduralScenes
from generation.procedural_label_maps import ProceduralLabelMaps

SIZE = 64
"""Height and width of the procedural scenes, in pixels."""
REAL_SIZES = {"clothing": (96, 64), "camvid": (96, 128)}
"""Height and width that real photos are trained at, in pixels."""


def flip() -> list[albumentations.BasicTransform]:
    """Return the augmentation of every run."""
    return [albumentations.HorizontalFlip(p=0.5)]


class UnalignedPairs(GeneratedLabels):
    """Pairs whose counterfactual is that of another scene, as of unrelated noise."""

    def train_dataloader(self) -> SlotLoader:
        """Return the walk over the training pairs."""
        aligned = super().train_dataloader()
        views = OtherCounterfactual(aligned.dataset)
        return self.training_loader(views, len(views))


class OtherCounterfactual(Dataset[View]):
    """Views by slot, each with the counterfactual of a later slot.

    Args:
        views: Aligned ones.
    """

    def __init__(self, views: Dataset[View]) -> None:
        self.views = views

    def __len__(self) -> int:
        return len(self.views)  # type: ignore[arg-type]  # torch does not declare it

    def __getitem__(self, slot: int) -> View:
        view, other = self.views[slot], self.views[slot + 1]
        sample = replace(view.sample, counterfactual=other.sample.counterfactual)
        return replace(view, sample=sample)


class SceneMaps(ProceduralLabelMaps):
    """Scenes with the labels of one list of names, of which only some are shown, or none.

    Args:
        root: As of `ProceduralLabelMaps`; another for each choice of the others.
        scenes: Their names are the labels.
        number: Of photos.
        split: Of the scenes.
        shown: Draws the scenes, of some of the names. None: `scenes` does.
        empty: Whether the objects are left out.
    """

    def __init__(
        self,
        root: Path,
        scenes: ProceduralScenes,
        *,
        number: int,
        split: str,
        shown: ProceduralScenes | None = None,
        empty: bool = False,
    ) -> None:
        assert split in ("train", "val", "test")
        super().__init__(root, scenes, number=number, split=split)  # type: ignore[arg-type]
        self.shown = shown or scenes
        self.empty = empty

    def _photo(self, index: int) -> Sample:
        every = self.crowded_every
        if index % every == every - 1:
            scene = self.shown.crowd(self.split, index, num_objects=2)
        else:
            scene = self.shown.spec(self.split, index)
        sample = self.shown.labelled(scene, counterfactual=self.empty)
        names = self.scenes.classes
        labels = [0, *(1 + names.index(name) for name in sample.class_names[1:])]
        mask = torch.from_numpy(np.array(labels, np.uint8)[sample.mask.numpy()])
        if self.empty:
            assert sample.counterfactual is not None
            sample = replace(sample, image=sample.counterfactual, counterfactual=None)
            mask = torch.zeros_like(mask)
        return replace(sample, mask=mask, class_names=(BACKGROUND, *names))


class SmallPhotos:
    """The training photos of a set in PASCAL VOC's layout at one small size, written once.

    A `datamodules.label_set.LabelSource`; only its training reads them, scoring takes the photos
    as they are.

    Args:
        root: Of the set.
        folder: Of the small photos; made where missing.
        size: Height and width in pixels.
        background: Whether pixels of index 0 count as background.
    """

    def __init__(
        self, root: Path, folder: Path, *, size: tuple[int, int], background: bool
    ) -> None:
        self.source = VOCFolder(root, "train", background=background)
        self.folder = folder
        self.size = size

    def find(self) -> LabelSet:
        """Return the set, whose photos are written first if they are not there."""
        labels = self.source.find()
        files = []
        for one in labels.files:
            image, mask = self.folder / f"{one.id}.jpg", self.folder / f"{one.id}.png"
            if not mask.is_file():
                pixels, values = labels.read(one)
                small = cv2.cvtColor(resize(pixels, self.size), cv2.COLOR_RGB2BGR)
                _write(image, small)
                _write(mask, resize_labels(values, self.size))
            files.append(replace(one, image=image, labels=mask))
        numbers = np.arange(256, dtype=np.int16)  # the values are labels already
        return replace(labels, files=tuple(files), numbers=numbers)


def _write(path: Path, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix == ".jpg" else []
    written, content = cv2.imencode(path.suffix, pixels, flags)
    assert written
    write_atomically(path, content.tobytes())
