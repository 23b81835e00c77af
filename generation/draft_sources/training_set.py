"""The training photos of a folder, checked: what draft sources make pairs of."""

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


class TrainingSet:
    """Reads training photos with their masks at a size, once `prepare` has checked them.

    Validation and test photos are known, to be refused. Pairs with a defect are left out.

    Args:
        root: Folder of the photos, as `datamodules.dis5k.DIS5K` takes it.
        size: Longest side in pixels; smaller photos keep their own.
        splits: Names of the subfolders, or the share to hold out.
        licence: Of the photos, an SPDX expression; empty where unknown.
        source: Writes the set below `root` first, if it is not there.
        cache: Folder that remembers the check of the photos. None checks them at every start.
        void: Stored mask value of pixels which do not count.
    """

    def __init__(
        self,
        root: Path | str,
        *,
        size: int,
        splits: Splits,
        licence: str,
        source: SetSource | None,
        cache: Path | str | None,
        void: int | None,
    ) -> None:
        self.size = size
        self.licence = licence
        self._set = DIS5K(
            root, splits=splits, cache=cache, on_error="skip", void=void, source=source
        )
        self._files: dict[str, PairFiles] = {}
        self._fingerprint = ""

    @property
    def ids(self) -> list[str]:
        """Of all good training photos, sorted; none before `prepare`."""
        return sorted(self._files)

    @property
    def class_names(self) -> list[str]:
        """Of all good training photos, sorted, each once."""
        return sorted({name for files in self._files.values() for name in files.class_names})

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

    def keys(self, number: int) -> Sequence[str]:
        """Return ``<id>~<k>`` for k below `number`.

        All photos come once before any comes a second time, so that a set that is stopped early,
        or read while it grows, has seen all of them.
        """
        return [f"{id}~{k}" for k in range(number) for id in self.ids]

    def of_key(self, key: str) -> Sample:
        """Return the photo of one of `keys`."""
        return self.read(key.rpartition("~")[0])

    def read(self, id: str) -> Sample:
        """Return a photo with its mask, no longer than `size`."""
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

    def other(self, photo: Sample, seed: int) -> Sample:
        """Return another training photo at the size of this one, unless there is only one."""
        ids = self.ids
        step = 1 + seed_for(seed, "other") % max(1, len(ids) - 1)
        other = self.read(ids[(ids.index(photo.id) + step) % len(ids)])
        return resize_sample(other, (photo.mask.shape[0], photo.mask.shape[1]))

    def edited(
        self, key: str, seed: int, synthesis: PairSynthesis, topology: KeptTopology | None
    ) -> Sample:
        """Return a pair that is made of the photo of a key.

        Args:
            key: One of `keys`.
            seed: Of all randomness.
            synthesis: Makes the pair.
            topology: Compares its mask with the photo's. None: any change is kept.

        Raises:
            SynthesisError: If none came of this seed, or its topology is another.
            DatasetError: If the synthesis took something else than training photos.
        """
        photo = self.of_key(key)
        made = synthesis.synthesise(photo, seed, partial(self.other, photo))
        parents = set(made.provenance.parents)
        if not parents or not parents <= self._files.keys():
            raise DatasetError(
                f"{key} was made from {sorted(parents) or 'nothing'}: a synthesis must name its "
                "sources, and only training pairs may be among them"
            )
        rejection = None if topology is None else topology.compare(photo, made)
        if rejection is not None:
            raise SynthesisError(f"{rejection.filter}: {rejection.reason}")
        return made


def _paths(files: PairFiles) -> list[Path]:
    return [files.image, files.mask, *([] if files.weight is None else [files.weight])]
