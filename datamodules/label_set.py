"""Photos with label maps: what a reader of any layout finds, and how a stored map is read.

Letters: H, W height and width of a photo.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.decode import open_upright, read_bytes, read_image
from datamodules.folder import IMAGE_SUFFIXES
from datamodules.problems import DatasetError

VOID = 255
"""Label of pixels that do not count, in a `LabelSet` and in most stored maps."""
_UNNAMED = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFiles:
    """The files of one photo."""

    id: str
    image: Path
    labels: Path
    """One channel of indices, grey or with a palette."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelSet:
    """One split of a data set."""

    name: str
    """As reports call it, for example ``"PASCAL VOC 2012 (21)"``."""
    class_names: tuple[str, ...]
    """Label k is ``class_names[k]``; label 0 is background."""
    has_background: bool
    """Whether background is a class that is scored; else it is void."""
    files: tuple[LabelFiles, ...]
    numbers: NDArray[np.int16]
    """``(256,)``: label of each stored value, -1 where there is none; see `numbers_of`."""

    def read(self, files: LabelFiles) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return ``(H, W, 3)`` RGB and ``(H, W)`` labels of one photo.

        Raises:
            DecodeError: If a file cannot be decoded.
            DatasetError: If the map holds a value without a name, no indices, or the size differs.
        """
        image, labels = read_image(files.image), self.read_labels(files.labels)
        if labels.shape != image.shape[:2]:
            raise DatasetError(
                f"{files.labels}: size {labels.shape} is not that of {files.image}, "
                f"{image.shape[:2]}: export both at one size"
            )
        return image, labels

    def read_labels(self, path: Path) -> NDArray[np.uint8]:
        """Return ``(H, W)`` labels.

        Raises:
            DecodeError: If the file cannot be decoded.
            DatasetError: If it holds a value without a name, or no indices.
        """
        stored = read_indices(path)
        labels = self.numbers[stored]
        if (labels == _UNNAMED).any():
            values = np.unique(stored[labels == _UNNAMED]).tolist()
            raise DatasetError(
                f"{path}: label {', '.join(map(str, values))} has no name among the "
                f"{len(self.class_names)} of {self.name}: add it to the list, or store 255 (void)"
            )
        return labels.astype(np.uint8)


class LabelSource(Protocol):
    """Finds a split of a data set; a DataModule receives it by ``class_path``."""

    def find(self) -> LabelSet:
        """Look at the folders and lists, and open no image.

        Raises:
            DatasetError: If a folder, a list or a file of a listed photo is missing.
        """


def numbers_of(labels: Mapping[int, int]) -> NDArray[np.int16]:
    """Return the table of `LabelSet.numbers` from label by stored value; 255 is void besides."""
    numbers = np.full(256, _UNNAMED, np.int16)
    numbers[VOID] = VOID
    for stored, label in labels.items():
        numbers[stored] = label
    return numbers


def plain_numbers(num_labels: int, *, has_background: bool) -> NDArray[np.int16]:
    """Return the table of a set whose maps hold the labels themselves; 0 may be void."""
    return numbers_of({k: k for k in range(num_labels)} | ({} if has_background else {0: VOID}))


def read_indices(path: Path) -> NDArray[np.uint8]:
    """Return the stored values of a label map, ``(H, W)`` uint8; palettes are not applied.

    Raises:
        DecodeError: If the file cannot be decoded.
        DatasetError: If it holds colours or wide integers.
    """
    picture = open_upright(path, read_bytes(path))
    if picture.mode not in ("P", "L"):
        raise DatasetError(
            f"{path}: a label map holds one index a pixel in 8 bits, this file is "
            f"{picture.mode}: save it as PNG with a palette or in grey"
        )
    return np.array(picture)


def read_list(path: Path) -> list[str]:
    """Return the names of a list with one photo a line; what follows a space is passed over.

    Raises:
        DatasetError: If there is no such list, it is no text in UTF-8 or empty, or names a photo
            twice.
    """
    if not path.is_file():
        raise DatasetError(f"no list {path}: it names the photos of the split, one a line")
    try:
        text = path.read_text("utf-8-sig")  # some editors put a mark before the first name
    except UnicodeDecodeError as error:
        raise DatasetError(f"the list {path} is no text in UTF-8: save it so") from error
    names = [line.split()[0] for line in text.splitlines() if line.strip()]
    if not names:
        raise DatasetError(f"the list {path} is empty: it names the photos of the split")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DatasetError(f"the list {path} names {twice} twice: remove one of both")
    return names


def list_photos(folder: Path) -> dict[str, Path]:
    """Return the photos of a folder by stem, sorted; hidden files are passed over.

    Raises:
        DatasetError: If there is no such folder, no photo in it, or two of one name.
    """
    _require_folder(folder)
    photos: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in photos:
            raise DatasetError(f"{folder}: {photos[path.stem].name} and {path.name}: rename one")
        photos[path.stem] = path
    if not photos:
        raise DatasetError(f"no images in {folder}: known suffixes are {sorted(IMAGE_SUFFIXES)}")
    return photos


def pair_files(
    photos: Mapping[str, Path], labels: Path, *, names: Sequence[str] | None = None
) -> tuple[LabelFiles, ...]:
    """Return each photo with its map, ``labels/NAME.png``.

    Args:
        photos: By name.
        labels: Folder of the maps.
        names: Those that are wanted, in order. None: all.

    Raises:
        DatasetError: If the folder, a photo or a map is missing.
    """
    _require_folder(labels)
    wanted = list(photos) if names is None else list(names)
    there = {path.name for path in labels.iterdir()}
    _require_all("image", [name for name in wanted if name not in photos], len(wanted))
    without = [name for name in wanted if f"{name}.png" not in there]
    _require_all(f"label map in {labels}", without, len(wanted))
    return tuple(
        LabelFiles(id=name, image=photos[name], labels=labels / f"{name}.png") for name in wanted
    )


def _require_all(kind: str, missing: Sequence[str], num_wanted: int) -> None:
    if missing:
        raise DatasetError(
            f"{len(missing)} of {num_wanted} photos have no {kind}, {missing[0]} for one: add "
            "what is missing, or shorten the list of photos"
        )


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise DatasetError(f"no folder {folder}: give the root of the data set, see its reader")
