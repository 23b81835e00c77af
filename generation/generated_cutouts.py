"""Labelled images of generated sets as photos with the masks of their objects.

Letters: H, W size of a pair.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from datamodules.json_value import Json, canonical
from datamodules.sample import MaskKind, Sample
from datamodules.seeds import seed_for
from datamodules.shard_index import index_of, rejected_later
from datamodules.synthetic import shard_reader
from generation.dis5k_folder import Recipe, write_subset

VERSION = 1
"""Raised whenever the same arguments give other files."""
_VAL, _TEST, _TRAIN = "DIS-VD", "DIS-TE1", "DIS-TR"
_VOID = 255


@dataclass(frozen=True, slots=True)
class _Pair:
    root: Path
    id: str
    shard: str
    place: int


class GeneratedCutouts:
    """Writes labelled images as a set of the DIS5K layout. A `datamodules.source.SetSource`.

    So that all that takes photos with masks takes names, too: edits of the masks, painters, and the
    training of cut-outs. The object is whatever has a label: an image of two classes is cut out
    whole. Pairs are held out as they were labelled, before anything is made of them.

    Args:
        sets: Folders that ``predict`` has left; pairs of their reject lists are left out.
        val_share: Of the pairs, for validation; at least one.
        test_share: Of the pairs, for the test; at least one.
        least_share: Of the image that the object must cover, or the pair is left out.
        most_doubt: Mean doubt (1 - weight / 255) of the object's pixels, in [0, 1], above which
            the pair is left out: files of this layout have no place for weights.

    Raises:
        ValueError: If there is no set, or a share is out of its range.
    """

    def __init__(
        self,
        sets: Sequence[Path],
        *,
        val_share: float = 0.05,
        test_share: float = 0.05,
        least_share: float = 0.01,
        most_doubt: float = 0.1,
    ) -> None:
        shares = {"val_share": val_share, "test_share": test_share, "least_share": least_share}
        for name, share in (shares | {"most_doubt": most_doubt}).items():
            if not 0 <= share <= 1:
                raise ValueError(f"{name} {share} must be in [0, 1]")
        if not sets or val_share + test_share >= 1:
            raise ValueError(
                f"{len(sets)} sets, val_share {val_share} and test_share {test_share}: give one "
                "set or more, and leave something to train on"
            )
        self.sets = [Path(root) for root in sets]
        self.val_share = val_share
        self.test_share = test_share
        self.least_share = least_share
        self.most_doubt = most_doubt

    def write(self, root: Path) -> None:
        """Write ``DIS-TR``, ``DIS-VD`` and ``DIS-TE1`` below `root`; those that stand are kept.

        Raises:
            ValueError: If a folder is no generated set, fewer than three pairs are left, or another
                set stands in the place.
            DecodeError: If a pair is broken.
        """
        recipe = self._recipe()
        chosen: dict[str, list[_Pair]] = {}
        for subset in (_TEST, _VAL, _TRAIN):
            if not chosen and not (root / subset).exists():
                chosen = self._chosen()
            pairs = chosen.get(subset, [])
            write_subset(root / subset, recipe, len(pairs), partial(_cutout_of, pairs))

    def _recipe(self) -> Recipe:
        known: Json = [
            [index_of(root).digest, [*sorted(rejected_later(root))]] for root in self.sets
        ]
        return {
            "generator": "GeneratedCutouts",
            "version": VERSION,
            "sets": sha256(canonical(known).encode()).hexdigest(),
            "val_share": str(self.val_share),
            "test_share": str(self.test_share),
            "least_share": str(self.least_share),
            "most_doubt": str(self.most_doubt),
        }

    def _chosen(self) -> dict[str, list[_Pair]]:
        """Return the good pairs of each subset, which the hash of their ids decides."""
        pairs = [pair for root in self.sets for pair in _published(root) if self._is_good(pair)]
        if len(pairs) < 3:
            raise ValueError(
                f"{len(pairs)} pairs with an object in {', '.join(map(str, self.sets))}: three are "
                "needed to train, to validate and to test; make more"
            )
        pairs.sort(key=lambda pair: seed_for(0, "cutout", pair.id))
        num_val = max(1, round(self.val_share * len(pairs)))
        held = num_val + max(1, round(self.test_share * len(pairs)))
        return {_VAL: pairs[:num_val], _TEST: pairs[num_val:held], _TRAIN: pairs[held:]}

    def _is_good(self, pair: _Pair) -> bool:
        sample = _sample(pair)
        is_object = objects(sample) >= 128
        if not is_object.any() or float(is_object.float().mean()) < self.least_share:
            return False
        if sample.weight is None:
            return True
        return 1 - float(sample.weight[is_object].float().mean()) / 255 <= self.most_doubt


def objects(sample: Sample) -> Tensor:
    """Return ``(H, W)`` uint8 coverage of all that has a label; a soft mask is one already."""
    if sample.mask_kind is MaskKind.ALPHA:
        return sample.mask
    return ((sample.mask > 0) & (sample.mask < _VOID)).to(torch.uint8) * 255


def cutout(sample: Sample) -> Sample:
    """Return a labelled pair as one of DIS5K, whose name says the classes."""
    first = 0 if sample.mask_kind is MaskKind.ALPHA else 1
    names = sample.class_names[first:]
    name = " and ".join(re.sub(r"[^\w() -]+", "_", each) for each in names)
    return replace(
        sample,
        id=f"0#Generated#0#{name}#{re.sub(r'[#/]+', '_', sample.id)}",
        mask=objects(sample),
        mask_kind=MaskKind.ALPHA,
        class_names=names,
        weight=None,
        counterfactual=None,
    )


def _cutout_of(pairs: Sequence[_Pair], number: int) -> Sample:
    return cutout(_sample(pairs[number]))


def _sample(pair: _Pair) -> Sample:
    return shard_reader(pair.root, pair.shard).sample(pair.place)


def _published(root: Path) -> list[_Pair]:
    unwanted = rejected_later(root)
    return [
        _Pair(root, id, shard, place)
        for id, (shard, place) in index_of(root).places.items()
        if id not in unwanted
    ]
