"""What of a configuration decides the pixels of a generated set."""

from hashlib import sha256
from pathlib import Path

from jsonargparse import Namespace

from datamodules.json_value import Json

# Where things lie decides nothing: the source answers for the content of its photos.
_PLACES = ("root", "cache")


def recipe_of(config: Namespace) -> dict[str, Json]:
    """Return model and draft source of a resolved configuration.

    A value that names a file is replaced by the hash of its content: other weights at the same
    place make other pixels, the same weights elsewhere do not.
    """
    return {
        "model": _plain(config.model.as_dict()),
        "source": _plain(config.data.init_args.source.as_dict()),
    }


def _plain(value: object) -> Json:
    if isinstance(value, Namespace):
        return _plain(value.as_dict())
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items() if key not in _PLACES}
    if isinstance(value, list | tuple | set):
        return [_plain(each) for each in value]
    if isinstance(value, str | Path) and Path(value).is_file():
        return f"sha256:{sha256(Path(value).read_bytes()).hexdigest()}"
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
