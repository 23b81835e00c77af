"""Shards on disk: finished pairs with all that is known of them, whole or not there.

    <folder>/plan.json                what is made, see `datamodules.generation_plan`
    <folder>/shards/<id>/pairs.tar    000000.image.jpg, 000000.mask.png, 000000.json, ...
    <folder>/shards/<id>/done.json    of each pair its record, scores and places in the tar; the
                                      rejected with filter and reason; checksum, versions, seconds
    <folder>/rejected*.txt            ids that later passes or people have rejected, one a line

A shard appears by the rename of a folder that lies beside it, under a name that begins with a
point and is none of a shard.
"""

import json
import os
import shutil
import socket
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from time import process_time, time

from datamodules.atomic import remove_temporaries, sync_folder
from datamodules.generation_result import FinishedShard, Seconds
from datamodules.json_value import Json, canonical
from datamodules.sample import Sample
from datamodules.sample_record import planes_of_sample, record_of, sample_of
from datamodules.shard_files import (
    ImageFormat,
    Place,
    decode_planes,
    encode_planes,
    read_places,
    tar_of,
)

SHARDS, TAR, DONE = "shards", "pairs.tar", "done.json"
FORMAT = 1
WRITE = "write"
"""Name of the last stage: encoding."""
_DAY = 86400.0  # after which a leftover of another machine belongs to nobody
Facts = Mapping[str, Json]
"""What is worth knowing of the run and decides no pixel: versions, hardware, time."""


class ShardReader:
    """Reads the pairs of one published shard at random.

    It holds no open file, so it is cheap to make and may go to any process.

    Args:
        folder: Of the set.
        shard: Name of the shard.

    Raises:
        FileNotFoundError: On the first read, if there is no such shard.
        ValueError: On the first read, if its done record is broken or of another version.
    """

    def __init__(self, folder: Path, shard: str) -> None:
        self.folder = folder / SHARDS / shard

    @cached_property
    def done(self) -> dict[str, Json]:
        """The whole done record."""
        path = self.folder / DONE
        more = f"python -m train verify {self.folder.parents[1]} tells more"
        try:
            content = json.loads(path.read_bytes())
            found = content["format"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is broken ({error!r}): {more}") from error
        if found != FORMAT:
            raise ValueError(f"{path} has format {found}, this version reads {FORMAT}: {more}")
        return content

    @property
    def pairs(self) -> list[dict[str, Json]]:
        """What is known of each pair: its record, ``key``, ``scores`` and ``files``."""
        return self.done["pairs"]  # type: ignore[return-value]  # as `publish` wrote it

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Ids of the pairs, in the order of the plan."""
        return tuple(str(pair["id"]) for pair in self.pairs)

    def __len__(self) -> int:
        return len(self.ids)

    def sample(self, index: int) -> Sample:
        """Return a pair.

        Raises:
            DecodeError: If it is broken.
        """
        pair = self.pairs[index]
        files: dict[str, Place] = pair["files"]  # type: ignore[assignment]  # as above
        found = read_places(self.folder / TAR, files)
        return sample_of(pair, decode_planes(found, f"{self.folder / TAR}, {pair['id']}"))


def read_sample(folder: Path, shard: str, index: int) -> Sample:
    """Return pair `index` of a published shard; a `ShardReader` reads many faster.

    Raises:
        DecodeError: If it is broken.
    """
    return ShardReader(folder, shard).sample(index)


def published_shards(folder: Path) -> list[str]:
    """Return the names of all shards that stand, sorted, which is the order of the plan."""
    place = folder / SHARDS
    if not place.is_dir():
        return []
    return sorted(entry.name for entry in os.scandir(place) if not entry.name.startswith("."))


def publish(
    folder: Path, finished: FinishedShard, *, plan: str, image_format: ImageFormat, facts: Facts
) -> bool:
    """Let a shard appear, whole.

    Args:
        folder: Of the set.
        finished: The pairs.
        plan: Digest of the plan.
        image_format: Of images and counterfactuals.
        facts: Goes into the done record as it is.

    Returns:
        Whether it had not been there before; where it had, that one stays.

    Raises:
        OSError: If it could not be written; nothing of it is then left.
    """
    start = process_time()
    tar, pairs = _encoded(finished, image_format)
    seconds = {**finished.seconds, WRITE: Seconds(cpu=process_time() - start)}
    done: dict[str, Json] = {
        "format": FORMAT,
        "shard": finished.shard.id,
        "plan": plan,
        "sha256": sha256(tar).hexdigest(),
        "bytes": len(tar),
        "num_pairs": len(pairs),
        "num_rejected": len(finished.rejected),
        "pairs": pairs,
        "rejected": [
            {"id": each.id, "filter": each.filter, "reason": each.reason}
            for each in finished.rejected
        ],
        "seconds": {
            stage: {"cpu": took.cpu, "device": took.device} for stage, took in seconds.items()
        },
        **facts,
    }
    target = folder / SHARDS / finished.shard.id
    building = target.with_name(f".{socket.gethostname()}@{os.getpid()}-{finished.shard.id}")
    try:
        if not target.parent.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            sync_folder(folder)
        if building.exists():  # of a killed process of the same number
            shutil.rmtree(building)
        building.mkdir()
        _write(building / TAR, tar)
        _write(building / DONE, json.dumps(done).encode())
        sync_folder(building)  # or the new name may reach the disk before what stands in it
        is_new = _rename(building, target)
    except OSError:
        shutil.rmtree(building, ignore_errors=True)  # the first error is the one to be told
        raise
    if not is_new:
        shutil.rmtree(building)
    sync_folder(target.parent)
    return is_new


def remove_leftovers(folder: Path) -> None:
    """Remove what processes have left that were killed while they wrote.

    Several machines may do so at once; hidden files of others stay.

    Raises:
        OSError: If something cannot be removed.
    """
    remove_temporaries(folder)
    for path in (folder / SHARDS).glob(".*@*-*"):
        host, _, rest = path.name[1:].rpartition("@")
        process = rest.partition("-")[0]
        is_ours = host == socket.gethostname() and process.isdigit()
        with suppress(FileNotFoundError):  # its process has renamed it, or another start was faster
            if _is_dead(int(process)) if is_ours else time() - path.stat().st_mtime > _DAY:
                shutil.rmtree(path)


def _encoded(finished: FinishedShard, image_format: ImageFormat) -> tuple[bytes, list[Json]]:
    """Return the tar and, of each pair, what the done record says of it."""
    keys = {item.id: item.key for item in finished.shard.items}
    files: list[tuple[str, bytes]] = []
    pairs: list[dict[str, Json]] = []
    for number, sample in enumerate(finished.samples):
        record: dict[str, Json] = {
            **record_of(sample),
            "key": keys[sample.id],
            "size": list(sample.mask.shape),
            "scores": dict(finished.scores.get(sample.id, {})),
        }
        own = encode_planes(planes_of_sample(sample), image_format)
        own["json"] = canonical(record).encode()
        files += [(f"{number:06d}.{name}", data) for name, data in own.items()]
        pairs.append({**record, "files": dict.fromkeys(name for name in own if name != "json")})
    tar, places = tar_of(files)
    where = {name: list(place) for (name, _), place in zip(files, places, strict=True)}
    for number, pair in enumerate(pairs):
        named = pair["files"]
        assert isinstance(named, dict)
        pair["files"] = {name: list(where[f"{number:06d}.{name}"]) for name in named}
    return tar, list(pairs)


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _rename(building: Path, target: Path) -> bool:
    try:
        building.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        return False  # another run was faster; its pixels are the same
    return True


def _is_dead(process: int) -> bool:
    if process == os.getpid():  # a killed one had this number: this one has not begun to write
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # alive, and somebody else's
        return False
    return False
