"""The planes of a pair as files, and files as one tar with the place of each.

A tar is read by every tool, WebDataset among them, and its bytes follow from its content alone.
With the places written down it is read at random as well: one open file and a read per plane.
litdata 0.2.76 was tried and left out (`benchmarks/shard_formats.py`): the same pairs give other
bytes where pyarrow happens to be installed, which no index digest survives; a shard takes ten times
as long to open and twice as long to write. It reads a pair of 700 kB in .01 ms instead of .1 ms,
which is nothing beside decoding it.
"""

import tarfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.decode import DecodeError
from datamodules.planes import channels_first

ImageFormat = Literal["jpg", "png"]
_QUALITY = 95  # of the JPEG files, as the resized cache
_OPTIONS = {"jpg": [cv2.IMWRITE_JPEG_QUALITY, _QUALITY], "png": []}
_COLOURED = ("image", "counterfactual")

Place = tuple[int, int]
"""(offset, number of bytes) of a file inside a tar."""


def encode_planes(planes: Mapping[str, Tensor], image_format: ImageFormat) -> dict[str, bytes]:
    """Encode the planes of a sample.

    Args:
        planes: By name, see `datamodules.sample_record.PLANES`; uint8.
        image_format: Of image and counterfactual; masks and weights are PNG, without loss.

    Returns:
        Content by ``<name>.<suffix>``.
    """
    files = {}
    for name, plane in planes.items():
        suffix = image_format if name in _COLOURED else "png"
        pixels = plane.numpy()
        if name in _COLOURED:
            pixels = np.ascontiguousarray(pixels[::-1].transpose(1, 2, 0))  # OpenCV's BGR
        is_encoded, data = cv2.imencode(f".{suffix}", pixels, _OPTIONS[suffix])
        assert is_encoded  # only broken arguments fail
        files[f"{name}.{suffix}"] = data.tobytes()
    return files


def decode_planes(files: Mapping[str, bytes], where: str) -> dict[str, Tensor]:
    """Return the planes of `encode_planes` by name; `where` names them in an error.

    Raises:
        DecodeError: If one is broken.
    """
    return {
        name.partition(".")[0]: _decoded(name, data, where)
        for name, data in files.items()
        if not name.endswith(".json")
    }


def tar_of(files: Sequence[tuple[str, bytes]]) -> tuple[bytes, list[Place]]:
    """Return a tar whose bytes depend on names and contents alone, and where each file lies.

    Names of more than 100 bytes, or beyond ASCII, take a header of POSIX.1-2001; a tar without any
    is of the older format that all programs know.
    """
    whole, places = BytesIO(), []
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in files:
            member = tarfile.TarInfo(name)  # its time is 0, its owner nobody
            member.size = len(data)
            tar.addfile(member, BytesIO(data))
            blocks = -(-len(data) // tarfile.BLOCKSIZE)
            places.append((tar.offset - blocks * tarfile.BLOCKSIZE, len(data)))
    return whole.getvalue(), places


def read_places(path: Path, places: Mapping[str, Place]) -> dict[str, bytes]:
    """Return the files at some places of a tar, by their names.

    Raises:
        DecodeError: If the tar is missing or too short.
    """
    try:
        with path.open("rb", buffering=0) as file:
            found = {}
            for name, (offset, size) in places.items():
                file.seek(offset)
                found[name] = file.read(size)
    except OSError as error:
        raise DecodeError(f"{path}: cannot be read: {error.strerror}") from error
    short = [name for name, (_, size) in places.items() if len(found[name]) < size]
    if short:
        raise DecodeError(f"{path}: the file is cut off before {short[0]}")
    return found


def _decoded(name: str, data: bytes, where: str) -> Tensor:
    is_coloured = name.partition(".")[0] in _COLOURED
    flag = cv2.IMREAD_COLOR_RGB if is_coloured else cv2.IMREAD_GRAYSCALE
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error as error:
        raise DecodeError(f"{where}: {name} cannot be decoded") from error
    if pixels is None:
        raise DecodeError(f"{where}: {name} cannot be decoded")
    decoded: NDArray[np.uint8] = np.asarray(pixels, np.uint8)
    return channels_first(decoded) if is_coloured else torch.from_numpy(decoded)
