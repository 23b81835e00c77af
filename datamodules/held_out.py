"""Whether a finished pair was made from a validation or test photo, by ids and names."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from datamodules.folder import PairFiles

EDITED = "~"
"""Stands in the name of an edited pair after the name of what it was made from."""


class HeldOut:
    """The validation and test photos by id, ``<set>/<name>`` or a name alone.

    Two ids are of one photo if they are the same. Where one of them names no set, the name decides:
    rather a pair too few than a leak. Equal names of two sets are two photos. Whoever has renamed a
    photo, or its set, is found by content: see `datamodules.same_photo` for whole photos, and
    ``python -m train audit`` for parts of them.

    Args:
        splits: The split of each photo by its id.
    """

    def __init__(self, splits: Mapping[str, str]) -> None:
        self.splits = splits
        self._ids: dict[str, list[str]] = defaultdict(list)
        for id in splits:
            self._ids[_name_of(id)].append(id)

    def sources(self, id: str, parents: Sequence[str]) -> list[str]:
        """Return the ids of held-out photos that a pair was made from.

        Args:
            id: Of the pair. What stands before its ``~`` counts where there are no parents.
            parents: Ids of all that it was made from; none where nothing is known. Of one that was
                edited itself, the name before its ``~`` counts, too, in whatever set.
        """
        named = list(parents) or _before_edits(id)
        named += [source for parent in parents for source in _before_edits(_name_of(parent))]
        found = {
            held_out
            for source in named
            for held_out in self._ids.get(_name_of(source), ())
            if source == held_out or "/" not in source or "/" not in held_out
        }
        return sorted(found)

    def told(self, sources: Sequence[str]) -> str:
        """Return in words where some of the photos are, one after the other."""
        return " and from ".join(f"{id}, which is in {self.splits[id]}" for id in sources)


def held_out_of(files: Mapping[str, Sequence[PairFiles]]) -> HeldOut:
    """Return the photos of evaluation splits.

    Args:
        files: Name of each split and its pairs.
    """
    return HeldOut({pair.id: name for name, pairs in files.items() for pair in pairs})


def _before_edits(id: str) -> list[str]:
    """Return all that may have been edited: of several ``~``, some may be the photo's own."""
    parts = id.split(EDITED)
    return [EDITED.join(parts[:number]) for number in range(1, len(parts))]


def _name_of(id: str) -> str:
    return id.rpartition("/")[2]
