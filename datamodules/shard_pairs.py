"""A generated set as image and mask pairs that are looked at as a whole: scored, audited."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.json_value import Json
from datamodules.pair_source import PairEntry
from datamodules.problems import DatasetError
from datamodules.sample import MaskKind, Sample
from datamodules.shard_index import index_of, rejected_later
from datamodules.shards import ShardReader
from datamodules.synthetic import shard_reader

_VOID = 255  # of a label map


class ShardPairs:
    """The pairs of a set's published shards, without those that were rejected later.

    The group of a pair is its kind of edit: the names in its provenance, first to last, without
    their numbers ("view+diffeomorphism+warp"); where nothing was edited, the generator's name.

    Args:
        root: Folder that ``predict`` has left, finished or stopped.

    Raises:
        ValueError: If `root` is no generated set.
        DatasetError: If no pair is left.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        unwanted = rejected_later(self.root)
        self._places: list[tuple[str, int]] = []
        self._entries: list[PairEntry] = []
        for shard in index_of(self.root).shards:
            # not kept open: of a large set, the records alone would fill the memory
            for place, pair in enumerate(ShardReader(self.root, shard.id).pairs):
                if pair["id"] not in unwanted:
                    self._places.append((shard.id, place))
                    self._entries.append(_entry(pair))
        if not self._entries:
            raise DatasetError(f"{root} holds no published pair that was not rejected")

    @property
    def entries(self) -> Sequence[PairEntry]:
        """All pairs, in the order of the plan."""
        return self._entries

    def read(self, place: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return image and mask, see `datamodules.pair_source.PairSource`.

        Raises:
            DecodeError: If the pair is broken.
        """
        shard, number = self._places[place]
        return image_and_coverage(shard_reader(self.root, shard).sample(number))


def image_and_coverage(sample: Sample) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the image, ``(H, W, 3)`` uint8 RGB, and the mask, ``(H, W)`` uint8 coverage.

    Of a label map, the coverage is 255 on whatever is neither background nor void: indices must not
    be interpolated, coverage may.
    """
    image = np.ascontiguousarray(sample.image.numpy().transpose(1, 2, 0))
    mask = sample.mask.numpy()
    if sample.mask_kind is MaskKind.LABELS:
        mask = np.where((mask > 0) & (mask < _VOID), np.uint8(255), np.uint8(0))
    return image, mask


def _entry(pair: Mapping[str, Json]) -> PairEntry:
    names, provenance = pair["class_names"], pair["provenance"]
    assert isinstance(names, list)
    assert isinstance(provenance, dict)
    edits = provenance["edits"]
    assert isinstance(edits, list)
    # of a label map, the first name is that of the background
    first = 1 if pair["mask_kind"] == MaskKind.LABELS.value else 0
    kinds = [str(edit).partition("(")[0] for edit in edits]
    return PairEntry(
        id=str(pair["id"]),
        class_name=str(names[first]),
        group="+".join(kinds) or str(provenance["source"]),
    )
