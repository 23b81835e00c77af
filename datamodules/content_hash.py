"""What files hold, as hashes that are remembered while a file is unchanged."""

import json
from collections.abc import Sequence
from hashlib import file_digest
from pathlib import Path

from datamodules.atomic import file_signature, write_atomically
from datamodules.decode import DecodeError
from datamodules.parallel import map_in_threads

_FORMAT = 1


def content_hashes(
    paths: Sequence[Path], *, memory: Path | None = None, progress: bool = False
) -> dict[Path, str]:
    """Return the sha256 of each file's bytes.

    Args:
        paths: Of the files.
        memory: File that keeps what was found. A file that has not changed since, see
            `datamodules.atomic.file_signature`, is not read again.
        progress: Whether to show a bar while files are read.

    Raises:
        DecodeError: If a file is gone or cannot be read.
        OSError: If `memory` cannot be written.
    """
    known = _remembered(memory)
    keys = {path: json.dumps(file_signature(path)) for path in paths}
    unknown = [path for path, key in keys.items() if key not in known]
    found = map_in_threads(
        _hash, unknown, title="Hashing the data", progress=progress and bool(unknown)
    )
    known |= {keys[path]: digest for path, digest in zip(unknown, found, strict=True)}
    if memory is not None and unknown:
        write_atomically(memory, json.dumps({"format": _FORMAT, "hashes": known}).encode())
    return {path: known[key] for path, key in keys.items()}


def _remembered(memory: Path | None) -> dict[str, str]:
    if memory is None or not memory.exists():
        return {}
    try:
        content = json.loads(memory.read_bytes())
        if content["format"] != _FORMAT:
            return {}
        return {str(key): str(digest) for key, digest in content["hashes"].items()}
    except (ValueError, TypeError, KeyError, AttributeError):  # broken: costs a new look
        return {}


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DecodeError(f"{path}: cannot be read: {error.strerror}") from error
