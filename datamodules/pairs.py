"""Pairs of files as views: what a dataset over photos and masks yields."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from datamodules.cache import MARGIN, ResizedCache, working_size
from datamodules.folder import PairFiles
from datamodules.planes import Planes, channels_first, planes_of, read_planes, resize_planes
from datamodules.sample import MaskKind, Provenance, Sample, View
from datamodules.transforms import JointTransform


class Pairs:
    """Photos with ALPHA masks, squashed to one size; no state that changes between calls.

    Args:
        files: The pairs.
        size: (height, width) of every view.
        cache: Read for training; None decodes the originals each time. Evaluation always does.
        transform: For training.
        void: Stored mask value that means "unknown": such pixels get weight 0 and mask 0.
        provenance: Of every sample.

    Raises:
        ValueError: If `cache` was made for another size, void value or kind of transform.
    """

    def __init__(
        self,
        files: Sequence[PairFiles],
        *,
        size: tuple[int, int],
        cache: ResizedCache | None = None,
        transform: JointTransform | None = None,
        void: int | None = None,
        provenance: Provenance | None = None,
    ) -> None:
        if cache is not None and (cache.size, cache.void) != (size, void):
            raise ValueError(
                f"the cache was made for size {cache.size} and void {cache.void}, "
                f"these pairs want size {size} and void {void}: give both the same"
            )
        if cache is not None and cache.margin < MARGIN and not _keeps_frame(transform):
            raise ValueError(
                f"the cache keeps {cache.margin:g} x the training size, too little to crop or zoom "
                f"in: give it margin {MARGIN}"
            )
        self.files = list(files)
        self.ids = [pair.id for pair in self.files]
        self.size = size
        self.cache = cache
        self.transform = transform
        self.void = void
        self.provenance = Provenance(source="folder") if provenance is None else provenance

    def __len__(self) -> int:
        return len(self.files)

    def training_view(self, index: int, seed: int) -> View:
        """Return pair `index` as training sees it, a function of `index` and `seed` alone.

        A transform that zooms or crops starts from `working_size`, with or without a cache.

        Raises:
            DecodeError: If a file cannot be decoded.
        """
        files = self.files[index]
        planes, size = self._read(files)
        return View(sample=self._sample(files, self._transformed(planes, size, seed)), size=size)

    def training_sample(self, index: int) -> tuple[Sample, tuple[int, int]]:
        """Return pair `index`, not transformed, and its original (height, width).

        The sample has the `working_size`, as far as the cache keeps it: an edit of it then costs
        what training needs, and is made smaller once, as a photo is.

        Raises:
            DecodeError: If a file cannot be decoded.
        """
        files = self.files[index]
        planes, size = self._read(files)
        if self.cache is None:
            planes = resize_planes(planes, working_size(size, self.size))
        return self._sample(files, planes), size

    def view_of(self, sample: Sample, size: tuple[int, int], seed: int) -> View:
        """Return a sample made of a `training_sample` as training sees it, transformed.

        Args:
            sample: ALPHA, of any size.
            size: Original (height, width) of what it was made from.
            seed: Of the transform.
        """
        planes = self._transformed(planes_of(sample), size, seed)
        return View(sample=_with_planes(sample, planes), size=size)

    def evaluation_view(self, index: int) -> View:
        """Return pair `index` with its mask at the original size as truth, never transformed.

        Raises:
            DecodeError: If a file cannot be decoded.
        """
        files = self.files[index]
        original = read_planes(files, void=self.void)
        weight = original.weight
        return View(
            sample=self._sample(files, resize_planes(original, self.size)),
            size=original.size,
            truth=torch.from_numpy(original.mask),
            truth_weight=None if weight is None else torch.from_numpy(weight),
        )

    def _read(self, files: PairFiles) -> tuple[Planes, tuple[int, int]]:
        if self.cache is not None:
            return self.cache.read(files)
        planes = read_planes(files, void=self.void)
        return planes, planes.size

    def _transformed(self, planes: Planes, size: tuple[int, int], seed: int) -> Planes:
        if self.transform is None:
            return resize_planes(planes, self.size)
        start = self.size if _keeps_frame(self.transform) else working_size(size, self.size)
        return resize_planes(self.transform(resize_planes(planes, start), seed), self.size)

    def _sample(self, files: PairFiles, planes: Planes) -> Sample:
        weight = planes.weight
        return Sample(
            id=files.id,
            image=channels_first(planes.image),
            mask=torch.from_numpy(planes.mask),
            mask_kind=MaskKind.ALPHA,
            class_names=files.class_names,
            provenance=self.provenance,
            weight=None if weight is None else torch.from_numpy(weight),
        )


def resize_sample(sample: Sample, size: tuple[int, int]) -> Sample:
    """Return an ALPHA sample at (height, width), by `resize_planes`."""
    if tuple(sample.mask.shape) == size:
        return sample
    return _with_planes(sample, resize_planes(planes_of(sample), size))


def _with_planes(sample: Sample, planes: Planes) -> Sample:
    weight, counterfactual = planes.weight, planes.counterfactual
    return replace(
        sample,
        image=channels_first(planes.image),
        mask=torch.from_numpy(planes.mask),
        weight=None if weight is None else torch.from_numpy(weight),
        counterfactual=None if counterfactual is None else channels_first(counterfactual),
    )


def _keeps_frame(transform: JointTransform | None) -> bool:
    return transform is None or transform.keeps_frame
