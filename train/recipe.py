"""What of a configuration decides the pixels of a generated set."""

from hashlib import file_digest, sha256
from os import PathLike
from pathlib import Path

from jsonargparse import Namespace

from datamodules.json_value import Json, canonical
from datamodules.shard_files import ImageFormat

# Where things lie decides nothing: the source answers for the content of its photos and sets.
_PLACES = ("root", "cache", "sets")
# Under these keys a name without a folder is a file too; elsewhere it is a word.
_FILES = ("adapter", "model", "weights")


def recipe_of(config: Namespace, *, precision: str, image_format: ImageFormat) -> dict[str, Json]:
    """Return what decides the pixels: model, draft source, precision and format of the images.

    A value that names a file or a folder is replaced by the hash of its content: other weights at
    the same place make other pixels, the same weights elsewhere do not.

    Args:
        config: Of the command, resolved.
        precision: As the trainer calls it, however it was given.
        image_format: As the shards hold it.

    Raises:
        OSError: If a named file cannot be read.
    """
    return {
        "model": _plain(config.model.as_dict()),
        "source": _plain(config.data.init_args.source.as_dict()),
        "precision": precision,
        "image_format": image_format,
    }


def _plain(value: object, key: str = "") -> Json:
    if isinstance(value, Namespace):
        return _plain(value.as_dict())
    if isinstance(value, dict):
        return {str(k): _plain(each, str(k)) for k, each in value.items() if k not in _PLACES}
    if isinstance(value, list | tuple | set):
        return [_plain(each, key) for each in value]
    if isinstance(value, PathLike) or (isinstance(value, str) and ("/" in value or key in _FILES)):
        path = _existing(value)
        return str(value) if path is None else f"sha256:{_content_hash(path)}"
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def _existing(value: str | PathLike[str]) -> Path | None:
    try:
        path = Path(value).expanduser()
        return path if path.exists() else None
    except (OSError, RuntimeError):  # a text: longer than a name can be, or "~" and no user's name
        return None


def _content_hash(path: Path) -> str:
    if path.is_file():
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    # hidden files are notes of a download or of git: they hold times
    names = [name for name in names if not any(part.startswith(".") for part in name.split("/"))]
    hashes: Json = [[name, _content_hash(path / name)] for name in names]
    return sha256(canonical(hashes).encode()).hexdigest()
