"""Which pairs of a finished set repeat others, or show what is held out for evaluation.

No function of one sample, so no `Filter`: a pass over a set once all of it is published. What it
rejects goes to a list, and the set stays as it is.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice, pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from datamodules.parallel import map_in_threads
from datamodules.photo_index import PhotoIndex, Recognition
from datamodules.repeated_pairs import PairThumbnail, find_repeats, pair_thumbnail

Pair: TypeAlias = tuple[str, NDArray[np.uint8], NDArray[np.uint8]]
"""Id, ``(H, W, 3)`` uint8 RGB, ``(H, W)`` uint8 coverage."""
_CHUNK = 64  # pairs in memory at once: 100 MB at 700 x 700
_Finding: TypeAlias = tuple[str, PairThumbnail, Recognition | None]


class DuplicateKind(StrEnum):
    """Why a pair is rejected."""

    HELD_OUT = "shows a held-out photo"
    REPEAT = "repeats a pair"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """One line of the reject list."""

    id: str
    kind: DuplicateKind
    of: str
    """Id of the held-out photo, or of the kept pair."""
    score: float
    """Corners in common with the held-out photo; overlap of both masks for a repeat."""


def find_duplicates(
    pairs: Iterable[Pair], held_out: PhotoIndex | None = None, *, gone: Collection[str] = ()
) -> list[Duplicate]:
    """Return the pairs to reject, sorted by id.

    A pair that shows a held-out photo goes, whether photo, background or object was taken from
    it. Of pairs that nearly repeat each other, the first by id stays. So the result depends on
    the set alone: not on the order of `pairs`, nor on who made or read them.

    A match with a training photo is none of this: give validation and test photos only.

    Args:
        pairs: In any order; 64 of them are held at a time.
        held_out: Validation and test photos; None finds repeats alone.
        gone: Ids of pairs that something else has rejected: they repeat nothing, and no other pair
            goes because it repeats one of them.

    Raises:
        ValueError: If an id comes twice.
    """
    findings = sorted(_findings(iter(pairs), held_out), key=lambda finding: finding[0])
    ids = [id for id, _, _ in findings]
    twice = [id for id, following in pairwise(ids) if id == following]
    if twice:
        raise ValueError(f"pair {twice[0]!r} comes twice: give each pair of the set once")
    leaks = [
        Duplicate(id, DuplicateKind.HELD_OUT, seen.id, seen.places)
        for id, _, seen in findings
        if seen is not None
    ]
    clean = [(id, small) for id, small, seen in findings if seen is None and id not in gone]
    repeats = [
        Duplicate(
            clean[repeat.place][0], DuplicateKind.REPEAT, clean[repeat.of][0], round(repeat.iou, 4)
        )
        for repeat in find_repeats(small for _, small in clean)
    ]
    return sorted([*leaks, *repeats], key=lambda duplicate: duplicate.id)


def reject_list(duplicates: Sequence[Duplicate]) -> str:
    r"""Return the list as text: id, kind, what it repeats and score, with tabs between.

    The first column alone is a list of ids.

    Raises:
        ValueError: If an id has a tab or a line break in it.

    Example:
        >>> reject_list([Duplicate("b", DuplicateKind.REPEAT, "a", 0.98)])
        'b\trepeats a pair\ta\t0.98\n'
    """
    for id in (id for duplicate in duplicates for id in (duplicate.id, duplicate.of)):
        if set(id) & set("\t\r\n"):
            raise ValueError(f"id {id!r} has a tab or a line break: rename it to list it")
    return "".join(f"{d.id}\t{d.kind}\t{d.of}\t{d.score:g}\n" for d in duplicates)


def _findings(pairs: Iterator[Pair], held_out: PhotoIndex | None) -> Iterator[_Finding]:
    def finding(pair: Pair) -> _Finding:
        id, image, mask = pair
        seen = None if held_out is None else held_out.recognise(image)
        return id, pair_thumbnail(image, mask), seen

    while chunk := list(islice(pairs, _CHUNK)):
        yield from map_in_threads(finding, chunk, title="", progress=False)
