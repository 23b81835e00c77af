"""A folder of files that appears whole, or the one before it stays."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory


def replace_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write `files` beside `folder`, then put them in its place by a rename.

    Whatever `folder` held is replaced. Killed between the two renames, the new files are still
    whole in a folder named ``.NAME-*`` beside it.

    Args:
        folder: Need not exist, nor its parents.
        files: Content by name.

    Raises:
        OSError: If it cannot be written; `folder` is then as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as staging:
        new, old = Path(staging) / "new", Path(staging) / "old"
        new.mkdir()
        for name, data in files.items():
            (new / name).write_bytes(data)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
