"""Where finished pairs are read from when a set is looked at as a whole: folders.

Shards are read by `datamodules.shard_pairs`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.decode import read_image
from datamodules.decode_mask import read_mask
from datamodules.folder import find_pairs
from datamodules.problems import DatasetError, format_problems

ALL = "all"
"""Group of pairs of which nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairEntry:
    """One pair, as far as it is known before it is opened."""

    id: str
    class_name: str
    group: str
    """How it was made: the kind of edit."""


class PairSource(Protocol):
    """A set of image and mask pairs in a fixed order; read from several processes at once."""

    @property
    def entries(self) -> Sequence[PairEntry]:
        """All pairs."""

    def read(self, place: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the image, ``(H, W, 3)`` uint8 RGB, and the mask, ``(H, W)`` uint8 coverage.

        Raises:
            ValueError: If it cannot be read; the message names it.
        """


class FolderPairs:
    """A folder with ``im`` and ``gt``; the class is in the names where DIS5K's pattern is.

    Args:
        root: Holds ``im/NAME.*`` and ``gt/NAME.*``.
        groups: Pattern on the name, whose first bracket is the group: ``"^([^-]*)-"`` takes what
            is before the first ``-``. Empty: one group.

    Raises:
        DatasetError: If the folder is missing, a file has no partner, or a name does not match.
    """

    def __init__(self, root: Path | str, *, groups: str = "") -> None:
        pattern = _compiled(groups)
        self.root = Path(root)
        self._files, problems = find_pairs(self.root, "")
        if problems:
            raise DatasetError(format_problems(problems))
        self._entries = [
            PairEntry(id=files.id, class_name=files.class_names[0], group=_group(pattern, files.id))
            for files in self._files
        ]

    @property
    def entries(self) -> Sequence[PairEntry]:
        """All pairs, sorted by name."""
        return self._entries

    def read(self, place: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return image and mask, see `PairSource`.

        Raises:
            DecodeError: If a file cannot be decoded.
        """
        files = self._files[place]
        return read_image(files.image), read_mask(files.mask)


def _compiled(groups: str) -> re.Pattern[str] | None:
    if not groups:
        return None
    try:
        pattern = re.compile(groups)
    except re.error as error:
        raise DatasetError(f"groups {groups!r} is no pattern ({error})") from error
    if not pattern.groups:
        raise DatasetError(f"groups {groups!r} has no bracket: the first one is the group")
    return pattern


def _group(pattern: re.Pattern[str] | None, id: str) -> str:
    if pattern is None:
        return ALL
    found = pattern.search(id)
    if found is None or not found[1]:
        raise DatasetError(f"groups {pattern.pattern!r} finds no group in the name {id!r}")
    return str(found[1])
