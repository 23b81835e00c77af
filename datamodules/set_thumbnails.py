"""The images of a generated set, each as the thumbnail that `datamodules.same_photo` compares."""

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.atomic import write_atomically
from datamodules.parallel import map_in_threads
from datamodules.same_photo import SIDE, thumbnail
from datamodules.shard_files import Place, decode_planes, read_places
from datamodules.shards import TAR, ShardReader, published_shards

IMAGE = "image."
"""How the file of an image begins in a shard."""


def set_thumbnails(
    root: Path, *, memory: Path | None, progress: bool
) -> list[tuple[str, str, NDArray[np.uint8]]]:
    """Return shard, id and ``(16, 16)`` uint8 thumbnail of each pair that is published.

    Decodes each image once, about 15 ms a megapixel and core: what is found is remembered.

    Args:
        root: Folder of the set.
        memory: Folder of a file for each shard, named by its checksum; made if missing.
        progress: Whether to show a progress bar.

    Raises:
        DecodeError: If an image is broken.
        OSError: If `memory` cannot be written.
    """
    readers = [ShardReader(root, name) for name in published_shards(root)]
    found = map_in_threads(
        lambda reader: _of_shard(reader, memory), readers, title="Set", progress=progress
    )
    return [
        (reader.folder.name, id, small)
        for reader, thumbnails in zip(readers, found, strict=True)
        for id, small in zip(reader.ids, thumbnails, strict=True)
    ]


def _of_shard(reader: ShardReader, memory: Path | None) -> NDArray[np.uint8]:
    path = None if memory is None else memory / f"{reader.done['sha256']}.npy"
    shape = (len(reader), SIDE, SIDE)
    if path is not None and path.is_file():
        known: NDArray[np.uint8] = np.load(path, allow_pickle=False)
        if known.shape == shape:
            return known
    made = np.zeros(shape, np.uint8)
    for place in range(len(reader)):
        made[place] = _of_pair(reader, place)
    if path is not None:
        content = BytesIO()
        np.save(content, made)
        write_atomically(path, content.getvalue())
    return made


def _of_pair(reader: ShardReader, place: int) -> NDArray[np.uint8]:
    pair = reader.pairs[place]
    files: dict[str, Place] = pair["files"]  # type: ignore[assignment]  # as `publish` wrote it
    image = {name: where for name, where in files.items() if name.startswith(IMAGE)}
    tar = reader.folder / TAR
    (plane,) = decode_planes(read_places(tar, image), f"{tar}, {pair['id']}").values()
    return thumbnail(np.ascontiguousarray(plane.permute(1, 2, 0).numpy()))
