"""Find the files of a scoring that cannot be read, before hours are spent on the others."""

import zlib
from collections.abc import Sequence
from pathlib import Path

from datamodules.decode import DecodeError, image_size, png_type, read_bytes
from datamodules.decode_mask import read_mask
from datamodules.parallel import map_in_threads
from datamodules.prediction_files import ScoredFiles
from datamodules.prediction_views import photo_thumbnail
from datamodules.problems import Problem, ProblemKind

_SIGNATURE = 8  # bytes before the first chunk of a PNG
_AROUND = 12  # bytes of a chunk beside its data: length, type, checksum


def check_predictions(files: Sequence[ScoredFiles], *, progress: bool) -> list[Problem]:
    """Look at every file and return what is wrong: unreadable, or of another size than its truth.

    A PNG is not decoded: the checksums in it tell a complete file from a damaged one in a tenth of
    the time. Other formats are decoded.

    Args:
        files: Of the images to score.
        progress: Whether to show a progress bar.
    """
    found = map_in_threads(_problems_of, files, title="Checking the files", progress=progress)
    return [problem for problems in found for problem in problems]


def readable_size(path: Path) -> tuple[int, int]:
    """Return the upright (height, width) of a map or mask, once sure that it can be decoded.

    Raises:
        DecodeError: If the file is missing, truncated, broken or no image.
    """
    data = read_bytes(path)
    if png_type(data) is None:
        height, width = read_mask(path).shape
        return height, width
    kinds = _sound_chunks(path, data)
    if b"eXIf" in kinds:  # may say that the picture is stored on its side
        return image_size(path)
    return int.from_bytes(data[20:24], "big"), int.from_bytes(data[16:20], "big")


def _sound_chunks(path: Path, data: bytes) -> set[bytes]:
    """Return the types of the chunks of a PNG.

    Raises:
        DecodeError: If it does not reach its end, or the checksum of a needed chunk is wrong.
    """
    kinds: set[bytes] = set()
    view = memoryview(data)
    start = _SIGNATURE
    while (end := start + _AROUND + int.from_bytes(view[start : start + 4], "big")) <= len(data):
        kind = data[start + 4 : start + 8]
        kinds.add(kind)
        # a small first letter marks what no decoder needs, where none minds a wrong checksum
        is_needed = kind[:1].isupper()
        expected = int.from_bytes(view[end - 4 : end], "big")
        if is_needed and zlib.crc32(view[start + 4 : end - 4]) != expected:
            raise DecodeError(f"{path}: damaged: a checksum in the file is wrong")
        if kind == b"IEND":
            if not {b"IHDR", b"IDAT"} <= kinds:
                break
            return kinds
        start = end
    raise DecodeError(f"{path}: truncated: the end of the file is missing")


def _problems_of(files: ScoredFiles) -> list[Problem]:
    sizes, problems = [], []
    for path in (files.mask, files.prediction):
        try:
            sizes.append(readable_size(path))
        except DecodeError as error:
            problems.append(_unreadable(files.id, path, error))
    if files.image is not None:
        try:
            photo_thumbnail(files.image)
        except DecodeError as error:
            problems.append(_unreadable(files.id, files.image, error))
    if len(sizes) == 2 and sizes[0] != sizes[1]:
        (truth_height, truth_width), (height, width) = sizes
        problems.append(
            Problem(
                kind=ProblemKind.SIZE_MISMATCH,
                id=files.id,
                path=files.prediction,
                message=f"{height}x{width}, the truth is {truth_height}x{truth_width} (height x "
                "width): resized to it",
                cure="save predictions at the size of the photo, to choose the filter yourself",
            )
        )
    return problems


def _unreadable(id: str, path: Path, error: DecodeError) -> Problem:
    return Problem(
        kind=ProblemKind.UNREADABLE,
        id=id,
        path=path,
        message=str(error).removeprefix(f"{path}: "),
        cure="write it again",
    )
