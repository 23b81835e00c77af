"""Skeletons of truths, kept on disk: a test set is scored many times and its truths stay the same.

An entry is named by a hash of its mask, so that it fits whatever folder the mask came from, and
changed masks get new entries. It holds the skeleton's bits, compressed; zlib's checksum tells a
damaged entry. Packing, hashing and loading take a fifth of the time of computing a skeleton where
that is fastest (thin struts) and a thirtieth where it is slowest (a solid object).
"""

import hashlib
import warnings
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.atomic import write_atomically
from metrics.scores import Thinner
from metrics.skeleton import skeleton

Mask = NDArray[np.bool_]

FORMAT = b"skeleton 1"
"""Part of every name; a change of the format or of `metrics.skeleton` needs another."""

COMPRESSION = 1  # the fastest level; higher ones save a tenth of the bytes


def thinner_of(folder: str | None) -> Thinner:
    """Return what gives a truth's skeleton: from a folder that keeps them, or anew each time.

    Args:
        folder: See `SkeletonCache`. None: nothing is kept.
    """
    return skeleton if folder is None else SkeletonCache(Path(folder))


class SkeletonCache:
    """Return the skeleton of a truth, from the folder if it is there.

    Any number of threads and processes may share the folder. Scoring never depends on it: an entry
    that cannot be read is computed again, and a folder that cannot be written to (disk full, no
    permission) is given up with one warning.

    Args:
        folder: Made when the first skeleton is written. May be deleted at any time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._is_writable = True

    def __call__(self, truth: Mask) -> Mask:
        """Return ``metrics.skeleton.skeleton(truth)``.

        Args:
            truth: ``(h, w)`` bool.

        Returns:
            ``(h, w)`` bool; the caller may change it.
        """
        path = self.folder / f"{_digest(truth)}.skeleton"
        found = _load(path, truth.shape)
        if found is None:
            found = skeleton(truth)
            self._keep(path, found)
        return found

    def _keep(self, path: Path, found: Mask) -> None:
        if not self._is_writable:
            return
        try:
            write_atomically(path, zlib.compress(np.packbits(found).tobytes(), COMPRESSION))
        except OSError as error:
            self._is_writable = False
            warnings.warn(
                f"{path}: skeletons are computed but not kept: {error.strerror}", stacklevel=3
            )


def _digest(truth: Mask) -> str:
    digest = hashlib.blake2b(FORMAT, digest_size=16)
    digest.update(np.array(truth.shape, "<i8").tobytes())
    digest.update(np.packbits(truth).tobytes())
    return digest.hexdigest()


def _load(path: Path, shape: tuple[int, ...]) -> Mask | None:
    """Return the skeleton that an entry holds; None if there is no readable one."""
    num_pixels = int(np.prod(shape))
    try:
        data = zlib.decompress(path.read_bytes())
    except (OSError, zlib.error):
        return None
    if len(data) != (num_pixels + 7) // 8:
        return None
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=num_pixels)
    return bits.view(np.bool_).reshape(shape)
