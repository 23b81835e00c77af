"""Resized copies of pairs, made once and read every epoch."""

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datamodules.atomic import TEMPORARY, file_signature, write_atomically
from datamodules.decode import BROKEN_FILE, decode_opencv, image_size, read_bytes, to_bytes
from datamodules.folder import PairFiles
from datamodules.parallel import map_in_threads
from datamodules.planes import Planes, read_planes, resize_planes

FORMAT = 3  # raise it when entries change their meaning: old ones are then not found any more
MARGIN = 1.25  # pixels kept beyond the training size, for random crops and zooms
_STALE_SECONDS = 3600  # a temporary file of this age belongs to a process that was killed


def working_size(
    original: tuple[int, int], size: tuple[int, int], margin: float = MARGIN
) -> tuple[int, int]:
    """Return the size that training starts from: `size` times one factor for both sides.

    It has the shape of `size`, so that crops and scales mean the same in every photo. The factor
    is `margin`, less only where neither side of the original has as many pixels.
    """
    height, width = size
    if margin * height <= original[0] or margin * width <= original[1]:
        return math.ceil(margin * height), math.ceil(margin * width)
    # the side that has more of its pixels decides, in integers: rounding must not add one
    if original[0] * width >= original[1] * height:
        return original[0], _ceil_divided(width * original[0], height)
    return _ceil_divided(height * original[1], width), original[1]


@dataclass(frozen=True, slots=True)
class _Entry:
    key: str
    size: tuple[int, int]


class ResizedCache:
    """Pairs squashed to their `working_size`, as JPEG (quality 95) and lossless TGA.

    An entry is named by a hash of its sources' bytes and of every parameter, so that it is
    right whenever it is there, whoever made it. Files are written beside their place and moved
    there, so that two processes can build at once and one can be killed at any moment. An entry
    that is missing or does not decode is made again. A small index by path, size and time of
    change saves hashing the sources at every start.

    Args:
        folder: Made if missing; may be deleted at any time.
        size: (height, width) of training.
        void: Mask value that means "unknown", see `read_planes`.
        margin: Factor on `size` that entries keep for crops and zooms; 1 for a recipe that moves
            no frame, which then reads its pixels without resizing them a second time.
    """

    def __init__(
        self,
        folder: Path,
        size: tuple[int, int],
        *,
        void: int | None = None,
        margin: float = MARGIN,
    ) -> None:
        self.folder = folder
        self.size = size
        self.void = void
        self.margin = margin
        self._parameters = f"{FORMAT} {size[0]}x{size[1]} {margin:g} void={void}"
        self._entries: dict[PairFiles, _Entry] = {}

    def read(self, files: PairFiles) -> tuple[Planes, tuple[int, int]]:
        """Return planes at `working_size` and the original (height, width).

        The first read of a pair makes its entry.

        Raises:
            DecodeError: If an entry must be made and a source cannot be decoded.
            OSError: If an entry cannot be written.
        """
        entry = self._entries.get(files) or self._indexed(files)
        planes = None if entry is None else self._load(entry, files)
        if entry is None or planes is None:
            entry, planes = self._make(files)
        self._entries[files] = entry
        return planes, entry.size

    def build(self, pairs: Sequence[PairFiles], *, progress: bool = False) -> None:
        """Make every missing entry, on all cores, and remove what killed processes left.

        Raises:
            DecodeError: If a source cannot be decoded.
            OSError: If an entry cannot be written.
        """
        self._remove_stale_files()

        def make(files: PairFiles) -> None:
            entry = self._indexed(files)
            if entry is None or not self._is_complete(entry, files):
                self._make(files)

        map_in_threads(make, pairs, title="Resized cache", progress=progress)

    def _make(self, files: PairFiles) -> tuple[_Entry, Planes]:
        index_path = self._index_path(files)  # before reading: a later change is then noticed
        entry = _Entry(self._key(files), image_size(files.image))
        planes = self._load(entry, files)  # another path may have had the same content
        if planes is None:
            original = read_planes(files, void=self.void)
            planes = resize_planes(original, working_size(original.size, self.size, self.margin))
            encoded = {".jpg": _encode_image(planes.image), ".mask.tga": _encode_plane(planes.mask)}
            if self._has_weight(files):
                weight = np.full_like(planes.mask, 255) if planes.weight is None else planes.weight
                encoded[".weight.tga"] = _encode_plane(weight)
            for suffix, data in encoded.items():
                write_atomically(self._path(entry, suffix), data)
        write_atomically(index_path, f"{entry.key} {entry.size[0]} {entry.size[1]}".encode())
        return entry, planes

    def _load(self, entry: _Entry, files: PairFiles) -> Planes | None:
        """Return the planes of an entry, None where one is missing or broken."""
        image = _decode_image(self._path(entry, ".jpg"))
        mask = _decode_plane(self._path(entry, ".mask.tga"))
        if image is None or mask is None or image.shape[:2] != mask.shape:
            return None
        if not self._has_weight(files):
            return Planes(image=image, mask=mask, weight=None)
        weight = _decode_plane(self._path(entry, ".weight.tga"))
        if weight is None or weight.shape != mask.shape:
            return None
        return Planes(image=image, mask=mask, weight=weight)

    def _has_weight(self, files: PairFiles) -> bool:
        return files.weight is not None or self.void is not None

    def _is_complete(self, entry: _Entry, files: PairFiles) -> bool:
        suffixes = [".jpg", ".mask.tga", *([".weight.tga"] if self._has_weight(files) else [])]
        return all(self._path(entry, suffix).is_file() for suffix in suffixes)

    def _path(self, entry: _Entry, suffix: str) -> Path:
        return self.folder / entry.key[:2] / f"{entry.key}{suffix}"

    def _key(self, files: PairFiles) -> str:
        digest = blake2b(self._parameters.encode(), digest_size=16)
        for path in _sources(files):
            content = blake2b(read_bytes(path), digest_size=16)
            digest.update(content.digest())
        return digest.hexdigest()

    def _index_path(self, files: PairFiles) -> Path:
        digest = blake2b(self._parameters.encode(), digest_size=16)
        for path in _sources(files):
            digest.update(repr(file_signature(path)).encode())
        return self.folder / "index" / digest.hexdigest()

    def _indexed(self, files: PairFiles) -> _Entry | None:
        try:
            key, height, width = self._index_path(files).read_text().split()
            return _Entry(key, (int(height), int(width)))
        except (FileNotFoundError, ValueError):  # not there yet, or broken: made again
            return None

    def _remove_stale_files(self) -> None:
        oldest = time.time() - _STALE_SECONDS
        for path in self.folder.rglob(f"*{TEMPORARY}"):
            with suppress(FileNotFoundError):  # another process finished or removed it
                if path.stat().st_mtime < oldest:
                    path.unlink()


def _ceil_divided(value: int, by: int) -> int:
    return -(-value // by)


def _sources(files: PairFiles) -> list[Path]:
    return [files.image, files.mask, *([] if files.weight is None else [files.weight])]


def _decode_image(path: Path) -> NDArray[np.uint8] | None:
    try:
        image = decode_opencv(path.read_bytes(), cv2.IMREAD_COLOR_RGB)
    except FileNotFoundError:
        return None
    return None if image is None else to_bytes(image)


def _encode_image(image: NDArray[np.uint8]) -> bytes:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    is_encoded, data = cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, 95))
    assert is_encoded  # only broken arguments fail
    return data.tobytes()


def _decode_plane(path: Path) -> NDArray[np.uint8] | None:
    try:
        with Image.open(path) as picture:
            return np.array(picture)
    except BROKEN_FILE:  # missing files included
        return None


def _encode_plane(plane: NDArray[np.uint8]) -> bytes:
    """Encode without loss as TGA with run lengths.

    On a mask of many blobs at 1280x1280 it decodes in about 0.7 ms where PNG without filter
    takes 2.8 and lossless WebP 4, at a tenth more bytes than PNG (twice as many on simple
    masks): masks are runs of 0 and 255 and thin edges.
    """
    file = BytesIO()
    Image.fromarray(plane).save(file, "TGA", compression="tga_rle")
    return file.getvalue()
