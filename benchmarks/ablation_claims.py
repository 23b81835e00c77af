"""Runs shared by processes: one that a process has begun is left alone by the others."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def claimed(work: Path, key: str, *, waits: bool) -> Iterator[bool]:
    """Claim something until the block is left or the process ends, however it ends.

    Args:
        work: Folder that all processes share, on this machine.
        key: Name of what is claimed.
        waits: Whether to wait until another process leaves it.

    Yields:
        Whether it is ours; always where we wait.
    """
    (work / "claims").mkdir(parents=True, exist_ok=True)
    with (work / "claims" / key).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True  # the lock ends with the file
