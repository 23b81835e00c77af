"""``python -m train audit``: which pairs of a set repeat others or show held-out photos."""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.progress import track

from datamodules.atomic import write_atomically
from datamodules.decode import read_image
from datamodules.decode_mask import read_mask
from datamodules.folder import PairFiles, PhotoFile, find_pairs, find_photos
from datamodules.photo_index import PhotoIndex
from datamodules.shard_pairs import image_and_coverage
from datamodules.shards import SHARDS, ShardReader, published_shards
from generation.filters.near_duplicates import Duplicate, Pair, find_duplicates, reject_list
from train.cli import USER_ERRORS, fail, note

REJECTED = "rejected_duplicates.txt"
"""Written into the set's folder; its first column are the ids that readers leave out."""


def main(args: list[str] | None = None) -> None:
    """Audit a set, write its list of rejected pairs and say on stderr how many they are.

    Args:
        args: What follows ``audit`` on the command line; None takes ``sys.argv``.

    Raises:
        SystemExit: With 2 and one line on stderr, if a folder or a picture cannot be read.
    """
    parser = argparse.ArgumentParser("python -m train audit", description=__doc__)
    parser.add_argument("folder", type=Path, help="set made by predict, or with im and gt")
    parser.add_argument(
        "--against",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="validation and test photos: DIS5K subsets such as DIS-TE1, or folders of photos",
    )
    options = parser.parse_args(args)
    try:
        note(_summary(audit(options.folder, options.against), options.folder / REJECTED))
    except USER_ERRORS as error:
        fail(str(error))


def audit(folder: Path, against: Sequence[Path] = ()) -> list[Duplicate]:
    """Return the pairs of a set that are to be rejected, and write the list into its folder.

    Args:
        folder: Set of shards, or a folder with ``im`` and ``gt``.
        against: Folders of held-out photos; of one with an ``im``, that alone is read.

    Raises:
        DatasetError: If a folder holds nothing.
        DecodeError: If a picture is broken.
    """
    photos = [photo for held_out in against for photo in _photos(held_out)]
    shown = track(photos, "Held-out photos", disable=not photos)
    index = PhotoIndex((str(photo.image), read_image(photo.image)) for photo in shown)
    duplicates = find_duplicates(_pairs(folder), index if photos else None)
    write_atomically(folder / REJECTED, reject_list(duplicates).encode())
    return duplicates


def _photos(folder: Path) -> list[PhotoFile]:
    photos, _ = find_photos(folder / "im" if (folder / "im").is_dir() else folder)
    return photos


def _pairs(folder: Path) -> Iterator[Pair]:
    if (folder / SHARDS).is_dir():
        for shard in track(published_shards(folder), "Shards"):
            reader = ShardReader(folder, shard)
            for place, id in enumerate(reader.ids):
                yield id, *image_and_coverage(reader.sample(place))
    else:
        found: Sequence[PairFiles] = find_pairs(folder, "")[0]
        for files in track(found, "Pairs"):
            yield files.id, read_image(files.image), read_mask(files.mask)


def _summary(duplicates: Sequence[Duplicate], path: Path) -> str:
    counts = Counter(str(duplicate.kind) for duplicate in duplicates)
    kinds = "".join(f", {number}: {kind}" for kind, number in sorted(counts.items()))
    return f"{len(duplicates)} pairs rejected{kinds} ({path})"
