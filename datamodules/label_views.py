"""Photos with label maps as views: what a dataset over a `LabelSet` yields."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from datamodules.draws import index_at
from datamodules.label_set import LabelFiles, LabelSet
from datamodules.planes import Planes, channels_first
from datamodules.resize import resize
from datamodules.sample import MaskKind, Provenance, Sample, View
from datamodules.seeds import seed_for
from datamodules.transforms import JointTransform


class LabelViews(Dataset[View]):
    """Photos at their own size, as evaluation wants them: never cropped, squeezed or transformed.

    Views differ in size, so a batch holds one. Whoever scores decides on the size that a network
    sees, since it is part of a protocol.

    Args:
        labels: The set.
        files: Those of its photos that are scored.
    """

    def __init__(self, labels: LabelSet, files: Sequence[LabelFiles]) -> None:
        self.labels = labels
        self.files = list(files)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> View:
        files = self.files[index]
        image, truth = self.labels.read(files)
        sample = _sample(self.labels, files, Planes(image=image, mask=truth, weight=None))
        return View(sample=sample, size=(truth.shape[0], truth.shape[1]), truth=sample.mask)


class LabelSlotViews(Dataset[View]):
    """Photos as training sees them, addressed by slot: transformed, then brought to one size.

    Args:
        labels: The set.
        files: Those of its photos that are trained on.
        size: (height, width) of every view. A transform that crops gives it already.
        seed: Root seed of the run; draw and augmentation of a slot are functions of it.
        transform: For label maps (`MaskKind.LABELS`). None: the photo is squeezed.
    """

    def __init__(
        self,
        labels: LabelSet,
        files: Sequence[LabelFiles],
        *,
        size: tuple[int, int],
        seed: int,
        transform: JointTransform | None = None,
    ) -> None:
        self.labels = labels
        self.files = list(files)
        self.size = size
        self.seed = seed
        self.transform = transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, slot: int) -> View:
        files = self.files[index_at(self.seed, slot, len(self.files))]
        image, labels = self.labels.read(files)
        planes = Planes(image=image, mask=labels, weight=None)
        if self.transform is not None:
            planes = self.transform(planes, seed_for(self.seed, files.id, slot))
        return View(
            sample=_sample(self.labels, files, _resized(planes, self.size)),
            size=(labels.shape[0], labels.shape[1]),
        )


def resize_labels(labels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize a label map to (height, width) by the nearest pixel; labels are never mixed.

    Args:
        labels: ``(H, W)`` uint8.
        size: Of the result.
    """
    if labels.shape == size:
        return labels
    height, width = size
    return cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT).view(np.uint8)


def _resized(planes: Planes, size: tuple[int, int]) -> Planes:
    weight = planes.weight
    return Planes(
        image=resize(planes.image, size),
        mask=resize_labels(planes.mask, size),
        weight=None if weight is None else resize_labels(weight, size),
    )


def _sample(labels: LabelSet, files: LabelFiles, planes: Planes) -> Sample:
    weight = planes.weight
    return Sample(
        id=files.id,
        image=channels_first(planes.image),
        mask=torch.from_numpy(planes.mask),
        mask_kind=MaskKind.LABELS,
        class_names=labels.class_names,
        provenance=Provenance(source=labels.name),
        weight=None if weight is None else torch.from_numpy(weight),
    )
