"""Edits of training pairs as the source of a generation run."""

from collections.abc import Sequence
from pathlib import Path

from datamodules.dis5k import Splits
from datamodules.sample import Sample
from datamodules.source import SetSource
from datamodules.synthesis import PairSynthesis
from generation.draft_sources.training_set import TrainingSet
from generation.filters.topology import KeptTopology

_OFFICIAL = Splits()


class WarpedDrafts:
    """Several edits of each training photo. A `datamodules.draft_source.DraftSource`.

    Validation and test photos are known, to be refused. Pairs with a defect are left out. All
    photos come once before any comes a second time, so that a set that is stopped early, or read
    while it grows, has seen all of them.

    Args:
        root: Folder of the photos, as `datamodules.dis5k.DIS5K` takes it.
        synthesis: Makes a pair of a pair.
        per_photo: Pairs made of each.
        size: Longest side of the pairs in pixels; smaller photos keep their own.
        splits: Names of the subfolders, or the share to hold out.
        licence: Of the photos, an SPDX expression; empty where unknown.
        topology: Compares the edited mask with the photo's. Null: any change is kept.
        source: Writes the set below `root` first, if it is not there.
        cache: Folder that remembers the check of the photos. Null checks them at every start.
        void: Stored mask value of pixels which do not count.

    Raises:
        ValueError: If a number is below 1.
    """

    def __init__(
        self,
        root: Path | str,
        synthesis: PairSynthesis,
        *,
        per_photo: int = 4,
        size: int = 1024,
        splits: Splits = _OFFICIAL,
        licence: str = "",
        topology: KeptTopology | None = None,
        source: SetSource | None = None,
        cache: Path | str | None = "data/cache",
        void: int | None = None,
    ) -> None:
        if per_photo < 1 or size < 1:
            raise ValueError(f"per_photo {per_photo} and size {size} must be 1 or more")
        self.synthesis = synthesis
        self.per_photo = per_photo
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
        """Of all photos, each once."""
        return self.photos.class_names

    def prepare(self) -> None:
        """Make the photos ready, see `TrainingSet.prepare`."""
        self.photos.prepare()

    def fingerprint(self) -> str:
        """Return what tells these photos and edits from others, see `TrainingSet.fingerprint`."""
        return self.photos.fingerprint()

    def keys(self) -> Sequence[str]:
        """Return the ids of all photos, once for each pair to be made of them."""
        return self.photos.keys(self.per_photo)

    def origin(self, key: str) -> Sample:
        """Return the photo that the draft of a key is made of."""
        return self.photos.of_key(key)

    def draft(self, key: str, seed: int) -> Sample:
        """Return an edit of a photo.

        Raises:
            SynthesisError: If none came of this seed, or its topology is another.
            DatasetError: If the synthesis took something else than training photos.
        """
        return self.photos.edited(key, seed, self.synthesis, self.topology)
