"""The content of a shard against its done record: every file, record and pair."""

import tarfile
from collections.abc import Mapping, Sequence
from io import BytesIO

from datamodules.decode import DecodeError
from datamodules.json_value import Json, canonical
from datamodules.sample_record import sample_of
from datamodules.shard_files import Place, decode_planes

_OWN_FIELD = "files"  # of the done record alone: a file cannot hold its own place


def pair_faults(tar: bytes, pairs: Sequence[Mapping[str, Json]]) -> list[tuple[str, str]]:
    """Return (id, what is wrong) of each pair that is not whole.

    Args:
        tar: The whole shard.
        pairs: Of the done record; each has an ``id``.
    """
    try:
        with tarfile.open(fileobj=BytesIO(tar)) as archive:
            members = {m.name: (m.offset_data, m.size) for m in archive.getmembers()}
    except tarfile.TarError:
        members = {}  # no pair is then where the record says
    found = []
    for number, pair in enumerate(pairs):
        what = _fault(tar, members, f"{number:06d}", pair)
        if what:
            found.append((str(pair["id"]), what))
    return found


def _fault(tar: bytes, members: Mapping[str, Place], key: str, pair: Mapping[str, Json]) -> str:
    places: object = pair.get(_OWN_FIELD)
    if not isinstance(places, dict):
        return "its record names no files"
    for name, place in places.items():
        if list(members.get(f"{key}.{name}", ())) != place:
            return f"{name} is not where its record says"
    record = members.get(f"{key}.json")
    own = {name: value for name, value in pair.items() if name != _OWN_FIELD}
    if record is None or _part(tar, record) != canonical(own).encode():
        return "its record in the tar is another one"
    try:
        files = {name: _part(tar, place) for name, place in places.items()}
        sample = sample_of(dict(own), decode_planes(files, "it"))
    except DecodeError as error:
        return str(error).removeprefix("it: ")
    except KeyError as error:
        return f"{error} is missing"
    except (AssertionError, TypeError, ValueError) as error:  # fields or planes that do not fit
        return f"it is no sample: {error or 'a field has the wrong type'}"
    if pair.get("size") != list(sample.mask.shape):
        return f"its mask is {tuple(sample.mask.shape)}, its record says {pair.get('size')}"
    return ""


def _part(tar: bytes, place: Place) -> bytes:
    return tar[place[0] : place[0] + place[1]]
