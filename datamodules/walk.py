"""The files below a folder, links to other folders included."""

from collections.abc import Iterator
from pathlib import Path


def files_below(root: Path) -> list[Path]:
    """Return every file below a folder at any depth, sorted.

    Links to folders are followed, for data sets are often put together of them; a link to a folder
    that it lies in is not, or it would never end. Hidden files and folders are passed over. A link
    to nothing is a file: whoever opens it says so.

    Raises:
        OSError: If a folder cannot be listed; passed over, its files would be missed in silence.
    """
    return sorted(_walk(root, frozenset()))


def _walk(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    place = folder.resolve()
    if place in above:
        return
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _walk(path, above | {place})
        else:
            yield path
