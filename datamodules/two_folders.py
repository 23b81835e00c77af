"""Two folders of images or of masks, resized for a feature extractor.

Letters: B images of a batch; C 3 channels of an image or 1 of a mask; H, W the extractor's size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from datamodules.decode import DecodeError, read_image, start_worker
from datamodules.decode_mask import read_mask
from datamodules.folder import PhotoFile, find_photos
from datamodules.parallel import map_in_threads
from datamodules.problems import DatasetError, Problem, ProblemKind, format_problems

RESIZE_RULE = (
    "Pillow bicubic, antialiased, in float, neither rounded nor clipped, stretched to a square "
    "(clean-fid)"
)
Content = Literal["images", "masks"]


@runtime_checkable
class HasInputSize(Protocol):
    """A module that says which (height, width) it wants to see."""

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SetImage:
    """One image of one of the two sets, ready for the extractor."""

    id: str
    pixels: Tensor
    """``(C, H, W)`` float32 in [0, 1], but for the overshoot of the bicubic filter."""
    place: int
    """In the sorted list of its set."""
    is_real: bool


@dataclass(slots=True, kw_only=True, eq=False)
class SetBatch:
    """Images of both sets; mutable because Lightning moves it between devices."""

    id: list[str]
    pixels: Tensor
    """``(B, C, H, W)`` float32, see `SetImage`."""
    places: Tensor
    """``(B,)`` int64."""
    is_real: Tensor
    """``(B,)`` bool."""

    def __len__(self) -> int:
        return len(self.id)


class TwoFolders(LightningDataModule):
    """A real and a generated set, each every image below a folder, of any size and kind.

    The size is that which the module under test wants (`HasInputSize`).

    Args:
        real: Folder of real images or masks, searched to any depth.
        generated: Folder to compare with it.
        content: Whether the files are images, or masks read as soft coverage (`read_mask`).
        batch_size: Images at a time on each process. Batches are dealt out whole and are the same
            ones for any number of processes: a network's last digits depend on its batch.
        num_workers: Loader processes of each rank.
        seed: Linked to ``seed_everything``; nothing is drawn here.

    Raises:
        ValueError: If batch_size is below 1.
    """

    def __init__(
        self,
        real: Path | str,
        generated: Path | str,
        *,
        content: Content = "images",
        batch_size: int = 32,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(f"batch_size {batch_size}: give at least 1")
        self.real = Path(real)
        self.generated = Path(generated)
        self.content: Content = content
        self.batch_size = batch_size
        self.num_workers = num_workers
        self._files: list[tuple[PhotoFile, int, bool]] = []

    @property
    def num_images(self) -> tuple[int, int]:
        """Real and generated ones; known after `setup`."""
        num_real = sum(is_real for _, _, is_real in self._files)
        return num_real, len(self._files) - num_real

    def setup(self, stage: str) -> None:
        """Find the files; none is opened.

        Raises:
            DatasetError: If a folder is missing, holds pairs instead of one kind of file, or holds
                a file of an unsupported format.
        """
        self._files = [
            (file, place, is_real)
            for root, is_real in ((self.real, True), (self.generated, False))
            for place, file in enumerate(_files_of(root))
        ]

    def test_dataloader(self) -> DataLoader[SetImage]:
        """Return this rank's share of both sets, once it has seen that all of it decodes.

        Raises:
            DatasetError: If there are fewer batches than processes, a file cannot be read, or the
                module does not say which size it wants.
        """
        rank, world_size, size = self._place()
        places = range(len(self._files))
        batches = [places[i : i + self.batch_size] for i in places[:: self.batch_size]]
        if len(batches) < world_size:
            raise DatasetError(
                f"{len(self._files)} images in batches of {self.batch_size} leave nothing to do "
                f"for some of {world_size} processes: lower data.batch_size, or use fewer"
            )
        mine = [list(batch) for batch in batches[rank::world_size]]
        self._require_readable([self._files[i][0] for b in mine for i in b], progress=rank == 0)
        return DataLoader(
            SetImages(self._files, self.content, size),
            batch_sampler=mine,
            num_workers=self.num_workers,
            collate_fn=collate_images,
            worker_init_fn=start_worker,
        )

    def _place(self) -> tuple[int, int, tuple[int, int]]:
        assert self.trainer is not None  # Lightning attaches it before it asks for a loader
        module = self.trainer.lightning_module
        if not isinstance(module, HasInputSize):
            raise DatasetError(
                f"{type(module).__name__} does not say which input_size it wants: two folders are "
                "for lightningmodules.similarity.SetSimilarity"
            )
        return self.trainer.global_rank, self.trainer.world_size, module.input_size

    def _require_readable(self, files: Sequence[PhotoFile], *, progress: bool) -> None:
        def problem_of(file: PhotoFile) -> Problem | None:
            try:
                _read(file.image, self.content)
            except DecodeError as error:
                return Problem(
                    kind=ProblemKind.UNREADABLE,
                    id=file.id,
                    path=file.image,
                    message=str(error).removeprefix(f"{file.image}: "),
                    cure="replace or remove it",
                )
            return None

        found = map_in_threads(problem_of, files, title="Checking the files", progress=progress)
        problems = [problem for problem in found if problem is not None]
        if problems:
            raise DatasetError(format_problems(problems))


class SetImages(Dataset[SetImage]):
    """Files as pixels of one size.

    Args:
        files: Each with its place in its set, and whether that is the real one.
        content: How a file is read.
        size: (height, width) of the pixels.
    """

    def __init__(
        self,
        files: Sequence[tuple[PhotoFile, int, bool]],
        content: Content,
        size: tuple[int, int],
    ) -> None:
        self.files = files
        self.content: Content = content
        self.size = size

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> SetImage:
        file, place, is_real = self.files[index]
        pixels = resize_bicubic(_read(file.image, self.content), self.size)
        return SetImage(id=file.id, pixels=pixels, place=place, is_real=is_real)


def resize_bicubic(plane: NDArray[np.uint8], size: tuple[int, int]) -> Tensor:
    """Resize as `RESIZE_RULE` says, which is what clean-fid does.

    Parmar et al., "On aliased resizing and surprising subtleties in GAN evaluation", CVPR 2022: a
    resize without antialiasing, or rounded to bytes, moves such distances by more than the methods
    they compare. Pillow's bicubic filter in its float mode is the reference of that paper.

    Args:
        plane: ``(h, w)`` or ``(h, w, 3)`` uint8.
        size: (height, width) of the result.

    Returns:
        ``(1, H, W)`` or ``(3, H, W)`` float32, [0, 1] but for the overshoot beside edges.
    """
    channels = [plane] if plane.ndim == 2 else list(np.moveaxis(plane, 2, 0))
    height, width = size
    resized = [
        np.asarray(
            Image.fromarray(channel.astype(np.float32)).resize(
                (width, height), Image.Resampling.BICUBIC
            )
        )
        for channel in channels
    ]
    return torch.from_numpy(np.stack(resized) / np.float32(255))


def collate_images(images: Sequence[SetImage]) -> SetBatch:
    """Stack at least one image."""
    return SetBatch(
        id=[image.id for image in images],
        pixels=torch.stack([image.pixels for image in images]),
        places=torch.tensor([image.place for image in images]),
        is_real=torch.tensor([image.is_real for image in images]),
    )


def _read(path: Path, content: Content) -> NDArray[np.uint8]:
    return read_mask(path) if content == "masks" else read_image(path)


def _files_of(root: Path) -> list[PhotoFile]:
    if (root / "im").is_dir() and (root / "gt").is_dir():
        raise DatasetError(f"{root} holds images and masks: give {root / 'im'} or {root / 'gt'}")
    files, unsupported = find_photos(root)
    if unsupported:
        raise DatasetError(format_problems(unsupported))
    return files
