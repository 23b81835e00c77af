"""Files that are complete or not there, and how to notice that one has changed."""

import os
from pathlib import Path
from uuid import uuid4

from datamodules.decode import DecodeError

TEMPORARY = ".tmp"  # suffix of a file that is being written


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
