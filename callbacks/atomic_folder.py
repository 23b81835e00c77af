"""A folder of files that appears whole, or the one before it stays."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Put what is written within the context in the place of `folder`, by a rename at its end.

    Whatever `folder` held is replaced. Killed between the two renames, the new files are still
    whole in a folder named ``.NAME-*`` beside it.

    Args:
        folder: Need not exist, nor its parents.

    Yields:
        An empty folder beside it.

    Raises:
        OSError: If it cannot be written; `folder` is then as it was, as after any exception.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as staging:
        new, old = Path(staging) / "new", Path(staging) / "old"
        new.mkdir()
        yield new
        if folder.exists():
            folder.rename(old)
        new.rename(folder)


def replace_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write `files` in the place of `folder`, see `new_folder`.

    Args:
        folder: Need not exist, nor its parents.
        files: Content by name.

    Raises:
        OSError: If it cannot be written; `folder` is then as it was.
    """
    with new_folder(folder) as new:
        for name, data in files.items():
            (new / name).write_bytes(data)
