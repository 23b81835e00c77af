"""A folder of photos without masks, for prediction."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch.utils.data import DataLoader, Dataset

from datamodules.decode import DecodeError, read_image
from datamodules.folder import PhotoFile, find_photos
from datamodules.parallel import map_in_threads
from datamodules.planes import channels_first
from datamodules.problems import DatasetError, Problem, ProblemKind, format_problems
from datamodules.resize import resize
from datamodules.sample import MaskKind, Provenance, Sample, View
from datamodules.segmentation import SegmentationDataModule


class PhotoFolder(SegmentationDataModule):
    """All photos below a folder, of any size and kind.

    Args:
        root: Folder, searched to any depth.
        size: Height and width that the network sees; best the one it was trained at.
        batch_size: Photos at a time, over all processes.
        on_error: Whether an unreadable photo is passed over and reported, or ends the run.
        num_workers: Loader processes of each rank.
        seed: Linked to ``seed_everything``; prediction draws nothing.
    """

    def __init__(
        self,
        root: Path | str,
        *,
        size: int | tuple[int, int] = 1024,
        batch_size: int = 1,
        on_error: Literal["raise", "skip"] = "skip",
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__(size=size, batch_size=batch_size, num_workers=num_workers, seed=seed)
        self.root = Path(root)
        self.on_error = on_error
        self._photos: list[PhotoFile] = []
        self._problems: list[Problem] = []
        self._done: Collection[str] = ()

    @property
    def class_names(self) -> tuple[str, ...]:
        """One object of any kind."""
        return ("object",)

    @property
    def problems(self) -> Sequence[Problem]:
        """Photos that cannot be read."""
        return self._problems

    def setup(self, stage: str) -> None:
        """Find the photos and check that each can be read.

        Raises:
            DatasetError: If there is none, none can be read, or one cannot be read and `on_error`
                is raise.
        """
        photos, unsupported = find_photos(self.root)
        found = map_in_threads(_problem_of, photos, title="Checking the photos", progress=True)
        self._problems = unsupported + [problem for problem in found if problem is not None]
        if self._problems and self.on_error == "raise":
            raise DatasetError(format_problems(self._problems))
        unreadable = {problem.id for problem in self._problems}
        self._photos = [photo for photo in photos if photo.id not in unreadable]
        if not self._photos:
            first = self._problems[-1]
            raise DatasetError(
                f"none of the {len(photos)} photos in {self.root} can be read, {first.path} for "
                f"one: {first.message}"
            )

    def skip(self, ids: Collection[str]) -> None:
        """Leave out photos whose results stand already; called before the loader is built."""
        self._done = set(ids)

    @property
    def photos(self) -> dict[str, Path]:
        """Readable photos by id."""
        return {photo.id: photo.image for photo in self._photos}

    def predict_dataloader(self) -> DataLoader[View]:
        """Return this rank's share of the photos that are left."""
        left = [photo for photo in self._photos if photo.id not in self._done]
        return self.evaluation_loader(PhotoViews(left, self.size), len(left))


class PhotoViews(Dataset[View]):
    """Photos as views: nothing is known of their masks, so every pixel has weight 0.

    Args:
        photos: The files.
        size: (height, width) of the views.
    """

    def __init__(self, photos: Sequence[PhotoFile], size: tuple[int, int]) -> None:
        self.photos = photos
        self.size = size

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> View:
        photo = self.photos[index]
        pixels = read_image(photo.image)
        image = channels_first(resize(pixels, self.size))
        unknown = torch.zeros(self.size, dtype=torch.uint8)
        sample = Sample(
            id=photo.id,
            image=image,
            mask=unknown,
            mask_kind=MaskKind.ALPHA,
            class_names=("object",),
            provenance=Provenance(source="folder"),
            weight=unknown,
        )
        return View(sample=sample, size=(pixels.shape[0], pixels.shape[1]))


def _problem_of(photo: PhotoFile) -> Problem | None:
    try:
        read_image(photo.image)
    except DecodeError as error:
        return Problem(
            kind=ProblemKind.UNREADABLE,
            id=photo.id,
            path=photo.image,
            message=str(error).removeprefix(f"{photo.image}: "),
            cure="passed over; replace the file and run again",
        )
    return None
