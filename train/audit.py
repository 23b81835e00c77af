"""``python -m train audit``: which pairs of a set repeat others or show held-out photos."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from rich.progress import track

from datamodules.atomic import write_atomically
from datamodules.decode import read_image
from datamodules.decode_mask import read_mask
from datamodules.folder import find_pairs, find_photos
from datamodules.photo_index import PhotoIndex
from datamodules.problems import DatasetError, Problem, format_problems
from datamodules.set_leaks import parents_of
from datamodules.shard_index import reject_lists
from datamodules.shard_pairs import image_and_coverage
from datamodules.shards import SHARDS, ShardReader, published_shards
from generation.filters.near_duplicates import (
    Duplicate,
    DuplicateKind,
    Pair,
    find_duplicates,
    reject_list,
)
from train.cli import USER_ERRORS, fail, note

REPEATS = "rejected_repeats.txt"
"""Written into the set's folder; its first column are the ids that readers leave out."""


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What an audit has found."""

    lists: dict[str, list[Duplicate]]
    """The pairs to reject, by the name of the list that they are written on."""
    num_photos: int
    """Held-out photos that the pairs were compared with."""


def main(args: list[str] | None = None) -> None:
    """Audit a set, write its lists of rejected pairs and say on stderr how many they are.

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
        help="validation and test photos: DIS5K subsets such as DIS-TE1, or folders of photos; "
        "what an earlier audit found in other folders stays rejected",
    )
    options = parser.parse_args(args)
    try:
        found = audit(options.folder, options.against)
        note(_summary(found, options.folder))
        for doubt in doubts(found, options.folder):
            sys.stderr.write(f"warning: {doubt}\n")
    except USER_ERRORS as error:
        fail(str(error))


def audit(folder: Path, against: Sequence[Path] = ()) -> Audit:
    """Find the pairs of a set that are to be rejected, and write them on lists in its folder.

    One list is of repeats, and one of each held-out folder: an audit replaces those that it can
    judge anew and no others. What stands on the others, or was rejected by hand, is no longer
    looked at for repeats.

    Args:
        folder: Set of shards, or a folder with ``im`` and ``gt``.
        against: Folders of held-out photos; of one with an ``im``, that alone is read.

    Raises:
        DatasetError: If a folder holds nothing, or a photo that cannot be read.
        DecodeError: If a picture is broken.
    """
    list_of = {path: held_out_list(held_out) for held_out in against for path in _photos(held_out)}
    shown = track(list_of, "Held-out photos", disable=not list_of)
    index = PhotoIndex((str(path), read_image(path)) for path in shown)
    lists: dict[str, list[Duplicate]] = {name: [] for name in (REPEATS, *list_of.values())}
    others = {name: ids for name, ids in reject_lists(folder).items() if f"{name}.txt" not in lists}
    gone = {id for ids in others.values() for id in ids}
    for found in find_duplicates(_pairs(folder), index if list_of else None, gone=gone):
        is_repeat = found.kind is DuplicateKind.REPEAT
        lists[REPEATS if is_repeat else list_of[Path(found.of)]].append(found)
    for name, duplicates in lists.items():
        write_atomically(folder / name, reject_list(duplicates).encode())
    return Audit(lists=lists, num_photos=len(list_of))


def doubts(found: Audit, folder: Path) -> list[str]:
    """Return why lists may be a mistake, and how it is undone: training photos held against a set.

    Args:
        found: In the set.
        folder: Of the set.

    Raises:
        ValueError: If the record of a shard is broken.
    """
    names = _names_of_parents(folder)
    said = []
    for name, rejected in found.lists.items():
        hits = [each for each in rejected if each.kind is DuplicateKind.HELD_OUT]
        own = [each for each in hits if Path(each.of).stem in names.get(each.id, ())]
        if len(own) > len(hits) / 2:
            what = f"{len(own):,} of {len(hits):,} show the very photos that they were made from"
        elif hits and len(hits) == len(names):
            what = f"all {len(hits):,} pairs of the set are on it"
        else:
            continue
        place = Path(hits[0].of).parent
        said.append(
            f"{folder / name}: {what}. If {place} holds training photos, delete this list, which "
            "undoes it, and give --against validation and test photos alone"
        )
    return said


def held_out_list(folder: Path) -> str:
    """Return the name of the list of pairs that show a photo of a held-out folder."""
    place = folder.resolve()
    digits = sha256(str(place).encode()).hexdigest()[:8]
    return f"rejected_held_out_{place.name}_{digits}.txt"


def _photos(folder: Path) -> list[Path]:
    found, problems = find_photos(folder / "im" if (folder / "im").is_dir() else folder)
    _refuse(problems)
    return [photo.image for photo in found]


def _pairs(folder: Path) -> Iterator[Pair]:
    if (folder / SHARDS).is_dir():
        for shard in track(published_shards(folder), "Shards"):
            reader = ShardReader(folder, shard)
            for place, id in enumerate(reader.ids):
                yield id, *image_and_coverage(reader.sample(place))
    else:
        found, problems = find_pairs(folder, "")
        _refuse(problems)
        for files in track(found, "Pairs"):
            yield files.id, read_image(files.image), read_mask(files.mask)


def _names_of_parents(folder: Path) -> dict[str, set[str]]:
    """Return the names of the photos that each pair was made from, as far as that is known."""
    if not (folder / SHARDS).is_dir():
        return {files.id: set() for files in find_pairs(folder, "")[0]}
    readers = [ShardReader(folder, shard) for shard in published_shards(folder)]
    return {
        id: {parent.rpartition("/")[2] for parent in parents_of(pair)}
        for reader in readers
        for id, pair in zip(reader.ids, reader.pairs, strict=True)
    }


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:  # what is passed over may be what leaks
        raise DatasetError(format_problems(problems))


def _summary(audit: Audit, folder: Path) -> str:
    duplicates = [found for rejected in audit.lists.values() for found in rejected]
    counts = Counter(str(duplicate.kind) for duplicate in duplicates)
    kinds = "".join(f", {number}: {kind}" for kind, number in sorted(counts.items()))
    return (
        f"{len(duplicates)} pairs rejected{kinds}; {audit.num_photos} held-out photos compared "
        f"({folder}: {', '.join(audit.lists)})"
    )
