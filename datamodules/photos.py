"""A folder of photos without masks, for prediction."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch.utils.data import DataLoader, Dataset

from datamodules.batch import collate
from datamodules.decode import DecodeError, read_image, start_worker
from datamodules.finer import finer_size
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
        size: Height and width that the network sees. Null: those that the checkpoint was trained
            at, which the command line fills in.
        batch_size: Photos at a time, over all processes.
        on_error: Whether an unreadable photo is passed over and reported, or ends the run.
        finer: How many times larger than `size` a photo is looked at once more, in tiles, to find
            the object's borders more exactly; no larger than it is. Null: not at all. The time is
            that of 1 + (2 finer - 1)^2 photos.
        num_workers: Loader processes of each rank.
        seed: Linked to ``seed_everything``; prediction draws nothing.

    Raises:
        ValueError: If `finer` is not above 1.
    """

    def __init__(
        self,
        root: Path | str,
        *,
        size: int | tuple[int, int] | None = None,
        batch_size: int = 1,
        on_error: Literal["raise", "skip"] = "skip",
        finer: float | None = None,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        if finer is not None and finer <= 1:
            raise ValueError(f"finer {finer:g} must be above 1, 2 for example, or null")
        # without a size `setup` ends the run, so that nothing sees the 1
        super().__init__(
            size=1 if size is None else size,
            batch_size=batch_size,
            num_workers=num_workers,
            seed=seed,
        )
        self._has_size = size is not None
        self.root = Path(root)
        self.on_error = on_error
        self.finer = finer
        self._photos: list[PhotoFile] = []
        self._unsupported: list[Problem] = []
        self._unreadable: list[Problem] = []
        self._done: Collection[str] = ()

    @property
    def class_names(self) -> tuple[str, ...]:
        """One object of any kind."""
        return ("object",)

    @property
    def problems(self) -> Sequence[Problem]:
        """Photos that cannot be read: this rank's, and on rank 0 those of unsupported formats.

        Complete once the loader is built.
        """
        return [*self._unsupported, *self._unreadable]

    def setup(self, stage: str) -> None:
        """Find the photos; none is opened.

        Raises:
            DatasetError: If there is none, one is of an unsupported format and `on_error` is
                raise, or no size is known.
        """
        if not self._has_size:
            raise DatasetError(
                "give data.size: there is no checkpoint that says which size it was trained at"
            )
        if (self.root / "im").is_dir() and (self.root / "gt").is_dir():
            raise DatasetError(f"{self.root} holds masks too: give --data.root {self.root / 'im'}")
        self._photos, unsupported = find_photos(self.root)
        self._require_none(unsupported)
        self._unsupported = unsupported if self._place()[0] == 0 else []

    def skip(self, ids: Collection[str]) -> None:
        """Leave out photos whose results stand already; called before the loader is built."""
        self._done = set(ids)

    @property
    def photos(self) -> dict[str, Path]:
        """Photos by id, readable or not; known after `setup`."""
        return {photo.id: photo.image for photo in self._photos}

    def predict_dataloader(self) -> DataLoader[View]:
        """Return this rank's share of the photos that are left, once it has seen that all decode.

        Raises:
            DatasetError: If none of all photos can be read, or one cannot and `on_error` is raise.
        """
        rank, world_size = self._place()
        left = [photo for photo in self._photos if photo.id not in self._done]
        readable = self._readable(left[rank::world_size])
        if not readable and len(self._unreadable) == len(self._photos):
            first = self._unreadable[0]
            raise DatasetError(
                f"none of the {len(self._photos)} photos in {self.root} can be read, "
                f"{first.path} for one: {first.message}"
            )
        return DataLoader(
            PhotoViews(readable, self.size, self.finer),
            sampler=range(len(readable)),  # one that Lightning does not divide once more
            batch_size=max(1, self.batch_size // world_size),
            num_workers=self.num_workers,
            collate_fn=collate,
            worker_init_fn=start_worker,
        )

    def _readable(self, photos: Sequence[PhotoFile]) -> list[PhotoFile]:
        """Decode photos before the network needs them, and keep those that can be."""
        progress = self._place()[0] == 0
        found = map_in_threads(_problem_of, photos, title="Checking the photos", progress=progress)
        self._unreadable = [problem for problem in found if problem is not None]
        self._require_none(self._unreadable)
        wrong = {problem.id for problem in self._unreadable}
        return [photo for photo in photos if photo.id not in wrong]

    def _require_none(self, problems: Sequence[Problem]) -> None:
        if problems and self.on_error == "raise":
            raise DatasetError(format_problems(problems))


class PhotoViews(Dataset[View]):
    """Photos as views: nothing is known of their masks, so every pixel has weight 0.

    Args:
        photos: The files.
        size: (height, width) of the views.
        finer: See `PhotoFolder`.
    """

    def __init__(
        self, photos: Sequence[PhotoFile], size: tuple[int, int], finer: float | None = None
    ) -> None:
        self.photos = photos
        self.size = size
        self.finer = finer

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
        own = (pixels.shape[0], pixels.shape[1])
        larger = None if self.finer is None else finer_size(own, self.size, self.finer)
        return View(
            sample=sample,
            size=own,
            finer=None if larger is None else channels_first(resize(pixels, larger)),
        )


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
