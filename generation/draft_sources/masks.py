"""Masks of training photos as the source of a generation run whose images are painted anew."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from datamodules.dis5k import Splits
from datamodules.sample import Sample
from datamodules.seeds import seed_for
from datamodules.source import SetSource
from datamodules.synthesis import PairSynthesis
from generation.draft_sources.training_set import TrainingSet
from generation.filters.topology import KeptTopology

_OFFICIAL = Splits()


class MaskDrafts:
    """The mask of each training photo, several times. A `datamodules.draft_source.DraftSource`.

    For edits and a painter on the device (MaskFactory, NeurIPS 2024): the draft still shows the
    photo, which the painter replaces. Edits that need no device may be made here, in the workers.
    All masks come once before any comes a second time.

    Args:
        root: Folder of the photos, as `datamodules.dis5k.DIS5K` takes it.
        edits: Edits the drafts here; the photo moves alike. Null: none.
        edited_share: Of the drafts, in (0, 1], that are edited here; the others are as they were.
        per_mask: Drafts of each.
        size: Longest side in pixels; smaller masks keep their own.
        splits: Names of the subfolders, or the share to hold out.
        licence: Of the photos and their masks, an SPDX expression; empty where unknown.
        topology: Compares the mask edited here with the photo's. Null: any change is kept.
        source: Writes the set below `root` first, if it is not there.
        cache: Folder that remembers the check of the photos. Null checks them at every start.
        void: Stored mask value of pixels which do not count.

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(
        self,
        root: Path | str,
        *,
        edits: PairSynthesis | None = None,
        edited_share: float = 1.0,
        per_mask: int = 4,
        size: int = 1024,
        splits: Splits = _OFFICIAL,
        licence: str = "",
        topology: KeptTopology | None = None,
        source: SetSource | None = None,
        cache: Path | str | None = "data/cache",
        void: int | None = None,
    ) -> None:
        if per_mask < 1 or size < 1 or not 0 < edited_share <= 1:
            raise ValueError(
                f"per_mask {per_mask} and size {size} must be 1 or more, and edited_share "
                f"{edited_share} in (0, 1]"
            )
        self.edits = edits
        self.edited_share = edited_share
        self.per_mask = per_mask
        self.topology = topology
        self.photos = TrainingSet(
            root,
            size=size,
            splits=splits,
            licence=licence,
            source=source,
            cache=cache,
            void=void,
        )

    @property
    def class_names(self) -> Sequence[str]:
        """Of all masks, each once."""
        return self.photos.class_names

    def prepare(self) -> None:
        """Make the masks ready, see `TrainingSet.prepare`."""
        self.photos.prepare()

    def fingerprint(self) -> str:
        """Return what tells these masks and edits from others, see `TrainingSet.fingerprint`."""
        return self.photos.fingerprint()

    def keys(self) -> Sequence[str]:
        """Return the ids of all photos, once for each draft to be made of them."""
        return self.photos.keys(self.per_mask)

    def origin(self, key: str) -> Sample:
        """Return the photo that the draft of a key is made of."""
        return self.photos.of_key(key)

    def draft(self, key: str, seed: int) -> Sample:
        """Return a photo with its mask, or an edit of both; the photo is named as the parent.

        Raises:
            SynthesisError: If the edit failed, or its topology is another.
            DatasetError: If the edit took something else than training photos.
        """
        if self.edits is not None and seed_for(seed, "edited") / 2**63 < self.edited_share:
            return self.photos.edited(key, seed, self.edits, self.topology)
        photo = self.photos.of_key(key)
        return replace(photo, provenance=replace(photo.provenance, parents=(photo.id,)))
