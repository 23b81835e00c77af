"""Edits of training pairs as the source of a generation run."""

from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

import torch

from datamodules.content_hash import content_hashes
from datamodules.dis5k import DIS5K, Splits
from datamodules.folder import PairFiles
from datamodules.json_value import Json, canonical
from datamodules.pairs import resize_sample
from datamodules.planes import channels_first, read_planes, resize_planes
from datamodules.problems import DatasetError, ProblemKind
from datamodules.sample import MaskKind, Provenance, Sample
from datamodules.seeds import seed_for
from datamodules.source import SetSource
from datamodules.synthesis import PairSynthesis, SynthesisError
from generation.edits.edit import VERSION
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
        self.size = size
        self.licence = licence
        self.topology = topology
        self._set = DIS5K(
            root, splits=splits, cache=cache, on_error="skip", void=void, source=source
        )
        self._files: dict[str, PairFiles] = {}
        self._fingerprint = ""

    def prepare(self) -> None:
        """Write the set if a source was given, and check it.

        Raises:
            DatasetError: If there is no set, nothing good in its training split, or a photo of that
                in validation or test.
        """
        if self._files:
            return
        if self._set.source is not None:
            self._set.source.write(self._set.root)
        found, problems = self._set.checked_files(progress=True)
        train = self._set.splits.train
        if not found.get(train):
            raise DatasetError(
                f"{self._set.root} has no good pair in {train}: name the folder by "
                "data.source.splits.train"
            )
        for problem in problems:
            # the check leaves out the copy that is evaluated; here the trained one must not be used
            if problem.kind is ProblemKind.SAME_PHOTO and problem.message.endswith(f" in {train}"):
                raise DatasetError(
                    f"{problem.path}: {problem.message}: {problem.cure}; pairs made of it would be "
                    "made of an evaluated photo"
                )
        wrong = {problem.id for problem in problems}
        self._files = {files.id: files for files in found[train] if files.id not in wrong}

    def fingerprint(self) -> str:
        """Return a hash of the edits' version and of the photos' names, masks and weights.

        The first call reads all of them, or as many as the cache does not know.

        Raises:
            DecodeError: If a file is gone or cannot be read.
            OSError: If the cache cannot be written.
        """
        if not self._fingerprint:
            cache = self._set.cache_folder
            hashes = content_hashes(
                [path for files in self._files.values() for path in _paths(files)],
                memory=None if cache is None else cache / "hashes.json",
                progress=True,
            )
            pairs: dict[str, Json] = {
                id: [hashes[path] for path in _paths(files)] for id, files in self._files.items()
            }
            self._fingerprint = sha256(canonical([VERSION, pairs]).encode()).hexdigest()
        return self._fingerprint

    def keys(self) -> Sequence[str]:
        """Return the ids of all photos, once for each pair to be made of them."""
        return [f"{id}~{number}" for number in range(self.per_photo) for id in sorted(self._files)]

    def draft(self, key: str, seed: int) -> Sample:
        """Return an edit of a photo.

        Raises:
            SynthesisError: If none came of this seed, or its topology is another.
            DatasetError: If the synthesis took something else than training photos.
        """
        id = key.rpartition("~")[0]
        photo = self._read(id)
        made = self.synthesis.synthesise(photo, seed, partial(self._other, photo))
        parents = set(made.provenance.parents)
        if not parents or not parents <= self._files.keys():
            raise DatasetError(
                f"{key} was made from {sorted(parents) or 'nothing'}: a synthesis must name its "
                "sources, and only training pairs may be among them"
            )
        rejection = None if self.topology is None else self.topology.compare(photo, made)
        if rejection is not None:
            raise SynthesisError(f"{rejection.filter}: {rejection.reason}")
        return made

    def _read(self, id: str) -> Sample:
        files = self._files[id]
        planes = read_planes(files, void=self._set.void)
        scale = min(1.0, self.size / max(planes.size))
        height, width = (max(1, round(side * scale)) for side in planes.size)
        planes = resize_planes(planes, (height, width))
        return Sample(
            id=id,
            image=channels_first(planes.image),
            mask=torch.from_numpy(planes.mask),
            mask_kind=MaskKind.ALPHA,
            class_names=files.class_names,
            provenance=Provenance(source="folder", licence=self.licence),
            weight=None if planes.weight is None else torch.from_numpy(planes.weight),
        )

    def _other(self, photo: Sample, seed: int) -> Sample:
        """Return another training photo at the size of this one, unless there is only one."""
        ids = sorted(self._files)
        step = 1 + seed_for(seed, "other") % max(1, len(ids) - 1)
        other = self._read(ids[(ids.index(photo.id) + step) % len(ids)])
        return resize_sample(other, (photo.mask.shape[0], photo.mask.shape[1]))


def _paths(files: PairFiles) -> list[Path]:
    return [files.image, files.mask, *([] if files.weight is None else [files.weight])]
