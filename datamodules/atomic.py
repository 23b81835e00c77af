"""Files that are complete or not there, and how to notice that one has changed."""

import os
from contextlib import suppress
from pathlib import Path
from time import time
from uuid import uuid4

from datamodules.decode import DecodeError

TEMPORARY = ".tmp"  # suffix of a file that is being written
_STALE_SECONDS = 3600  # a temporary file of this age belongs to a process that was killed


def file_signature(path: Path) -> tuple[str, int, int]:
    """Return (absolute path, bytes, time of change in ns): equal while a file is unchanged.

    Raises:
        DecodeError: If there is no such file.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise DecodeError(f"{path}: cannot be read: {error.strerror}") from error
    return str(path.absolute()), status.st_size, status.st_mtime_ns


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that is either complete or not there, whenever the process is killed.

    After a loss of power the one before may be back: `sync_folder` makes the new one stay.

    Raises:
        OSError: If the disk is full or the folder is not writable.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{uuid4().hex}{TEMPORARY}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # or the name may reach the disk before the bytes
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Return once the names in a folder are on the disk, to outlive a loss of power.

    Costs as much as writing a small file does: milliseconds on a solid disk.

    Raises:
        OSError: If the folder cannot be read.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_temporaries(folder: Path) -> None:
    """Remove what killed processes have left in a folder, itself alone, an hour ago or earlier.

    Raises:
        OSError: If a file cannot be removed.
    """
    for path in folder.glob(f"*{TEMPORARY}"):
        with suppress(FileNotFoundError):  # another process finished or removed it
            if time() - path.stat().st_mtime > _STALE_SECONDS:
                path.unlink()
