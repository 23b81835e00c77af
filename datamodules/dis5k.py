"""Real photos with masks, in the DIS5K layout or in any folder with ``im`` and ``gt``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from albumentations import BasicTransform
from torch.utils.data import DataLoader, Dataset

from datamodules.atomic import write_atomically
from datamodules.cache import MARGIN, ResizedCache
from datamodules.check import check_pairs
from datamodules.draws import SlotLoader, SlotViews
from datamodules.folder import PairFiles, find_pairs
from datamodules.mean_mask import mean_mask
from datamodules.mixture import Mixture
from datamodules.mixture_ready import find_all_ready
from datamodules.mixture_views import MixtureViews, ReadyMember
from datamodules.pairs import Pairs
from datamodules.pool_run import decided_ahead, forget_logs, leaks_of_pools, open_pools
from datamodules.problems import DatasetError, Problem, format_problems
from datamodules.sample import View
from datamodules.seeds import seed_for
from datamodules.segmentation import SegmentationDataModule
from datamodules.source import SetSource
from datamodules.synthetic import GeneratedPair, GeneratedPairs, find_all_generated
from datamodules.transforms import JointTransform


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Folders below the root that hold ``im`` and ``gt``; the official names by default.

    Args:
        train: Folder of the training pairs.
        val: Folder that checkpoints are chosen on.
        test: Folders that are scored, each a row of the report.
        held_out: Where the root itself holds ``im`` and ``gt``: expected share of the validation
            split, and of the test split. The hash of its own name alone places a pair, so that
            added photos move no other (but see `divide`). Frames of one video and other
            photos of one scene belong into named folders: divided by name, neighbours would be
            on both sides.
        weights: Folder beside each ``gt`` with one weight image a photo; null where all pixels
            count alike.
    """

    train: str = "DIS-TR"
    val: str = "DIS-VD"
    test: tuple[str, ...] = ("DIS-TE1", "DIS-TE2", "DIS-TE3", "DIS-TE4")
    held_out: float = 0.1
    weights: str | None = None


class DIS5K(SegmentationDataModule):
    """DIS5K, any set in its layout, or one folder with ``im`` and ``gt``.

    DIS5K itself is for non-commercial research only and is not redistributable:
    https://github.com/xuebinqin/DIS.

    Args:
        root: Folder with one subfolder per split, each with ``im`` and ``gt``; or with ``im``
            and ``gt`` themselves, which are then divided by `Splits.held_out`.
        size: Height and width of the batches in pixels; one number for a square. Photos are
            squeezed to it, as published, and scored at their own size.
        batch_size: Global batch, over all processes.
        splits: Names of the subfolders; those that are missing must not be asked for.
        transforms: albumentations transforms for training, joint over all pixel fields.
        cache: Folder of what is made once: resized copies of the training pairs and the findings
            of the check. Null decodes the files themselves at every draw and every check.
        on_error: Whether a defect of the set ends the run or takes the pair out of it.
        void: Stored mask value (grey level or palette index) of pixels which do not count.
        source: Writes the set below `root` first, if it is not there.
        mixture: Puts synthetic pairs among the real ones in training. Null: real pairs alone.
        num_workers: Loader processes of each rank.
        seed: Linked to ``seed_everything``.
    """

    def __init__(
        self,
        root: Path | str,
        *,
        size: int | tuple[int, int] = 1024,
        batch_size: int = 8,
        splits: Splits = Splits(),
        transforms: list[BasicTransform] | None = None,
        cache: Path | str | None = "data/cache",
        on_error: Literal["raise", "skip"] = "raise",
        void: int | None = None,
        source: SetSource | None = None,
        mixture: Mixture | None = None,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__(size=size, batch_size=batch_size, num_workers=num_workers, seed=seed)
        self.root = Path(root)
        self.splits = splits
        self.transform = JointTransform(transforms) if transforms else None
        self.cache_folder = None if cache is None else Path(cache)
        self.cache = None
        if self.cache_folder is not None:
            keeps_frame = self.transform is None or self.transform.keeps_frame
            # what is made from a pair is made smaller afterwards, and stays as sharp as a photo
            margin = 1.0 if keeps_frame and mixture is None else MARGIN
            self.cache = ResizedCache(self.cache_folder, self.size, void=void, margin=margin)
        self.on_error = on_error
        self.void = void
        self.source = source
        self.mixture = mixture
        self._ready_cache = None
        if self.cache is not None and mixture is not None:
            # void is a value of the real masks alone
            self._ready_cache = ResizedCache(self.cache.folder, self.size, margin=self.cache.margin)
        self._ready: list[list[PairFiles]] = []
        self._generated: list[list[GeneratedPair]] = []
        self._problems: list[Problem] = []
        self._files: dict[str, list[PairFiles]] = {}

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of all objects met in the set, sorted; known after `setup`."""
        names = {name for files in self._files.values() for f in files for name in f.class_names}
        return tuple(sorted(names))

    @property
    def problems(self) -> Sequence[Problem]:
        """What the check found and `on_error: skip` left out."""
        return self._problems

    def prepare_data(self) -> None:
        """Write the set if a source was given, check all of it, and fill the cache.

        Raises:
            DatasetError: If the set has defects and `on_error` is raise; all together, in the
                message or in the file that it names.
        """
        if self.source is not None:
            self.source.write(self.root)
        files, problems = self.checked_files(progress=True)
        full_list = self._write_problems(problems)
        if problems and self.on_error == "raise":
            where = "" if full_list is None else f"; all of them: {full_list}"
            shown = format_problems(problems, limit=None if full_list is None else 5)
            raise DatasetError(
                f"{self.root} has {len(problems)} defects (data.on_error skip leaves them out"
                f"{where}):\n{shown}"
            )
        if problems and (self.trainer is None or self.trainer.is_global_zero):
            where = "data.cache FOLDER keeps a list" if full_list is None else f"see {full_list}"
            print(f"{self.root}: {len(problems)} defects left out, {where}", flush=True)  # noqa: T201 - for the user
        if self.cache is not None and self.splits.train in files:
            self.cache.build(files[self.splits.train], progress=True)
        if self._ready_cache is not None:
            self._ready_cache.build([pair for pairs in self._ready for pair in pairs])

    def setup(self, stage: str) -> None:
        """Find the files of every split; findings of the check come from `prepare_data`.

        Raises:
            DatasetError: If leaving out defects left nothing of a split.
        """
        self._files, self._problems = self.checked_files(progress=False)
        found = {**self._files, **self._ready_files()}
        empty = [name for name, files in found.items() if not files]
        if empty:
            raise DatasetError(
                f"no good pair is left in {', '.join(empty)} of {self.root}: mend the files that "
                "--data.on_error raise lists"
            )

    def train_dataloader(self) -> SlotLoader:
        """Return the walk over the training pairs."""
        pairs = self._pairs([self.splits.train])
        if self.mixture is None:
            return self.training_loader(SlotViews(pairs, self.seed), len(pairs))
        if self.trainer is not None:
            forget_logs(self.trainer)
        views = self._mixed(pairs, self.mixture)
        before_step = decided_ahead(
            views, self._held_out(self._files), is_writer=self._place()[0] == 0
        )
        return self.training_loader(
            views, len(pairs), before_step=before_step, drawn_from=views.drawn_from()
        )

    def val_dataloader(self) -> DataLoader[View]:
        """Return this rank's share of the validation pairs."""
        return self._evaluation([self.splits.val])

    def test_dataloader(self) -> DataLoader[View]:
        """Return this rank's share of the test pairs of all subsets."""
        names = [name for name in self.splits.test if name in self._files]
        return self._evaluation(names or self.splits.test)

    def predict_dataloader(self) -> DataLoader[View]:
        """Return this rank's share of the test pairs."""
        return self.test_dataloader()

    def mean_mask(self) -> torch.Tensor | None:
        """Return the mean training mask, (256, 256) float in [0, 1]; None without any."""
        files = self._files.get(self.splits.train, [])
        return mean_mask(files, void=self.void) if files else None

    def checked_files(self, *, progress: bool) -> tuple[dict[str, list[PairFiles]], list[Problem]]:
        """Return the good pairs of each split that is there, and what is wrong with others.

        Raises:
            DatasetError: If there is no such set.
        """
        files, problems = self._found_files()
        memory = None if self.cache_folder is None else self.cache_folder / "checked.json"
        problems = [
            *problems,
            *check_pairs(files, void=self.void, progress=progress, memory=memory),
        ]
        if self.mixture is not None:
            held_out = self._held_out(files)
            self._ready, found = find_all_ready(
                self.mixture.ready, held_out, memory=memory, progress=progress
            )
            self._generated, leaked = find_all_generated(
                self.mixture.sets, held_out, void=self.void, memory=memory, progress=progress
            )
            problems += [*found, *leaked, *leaks_of_pools(self.mixture.pools, held_out)]
        wrong = {problem.id for problem in problems}
        return {
            name: [pair for pair in pairs if pair.id not in wrong] for name, pairs in files.items()
        }, problems

    def _evaluation(self, names: Sequence[str]) -> DataLoader[View]:
        pairs = self._pairs(names)
        return self.evaluation_loader(EvaluationViews(pairs), len(pairs))

    def _pairs(self, names: Sequence[str]) -> Pairs:
        missing = [name for name in names if name not in self._files]
        if missing:
            raise DatasetError(
                f"{self.root} has no {', '.join(missing)}, only {', '.join(self._files)}: "
                "name the folders by --data.splits"
            )
        return Pairs(
            [files for name in names for files in self._files[name]],
            size=self.size,
            cache=self.cache,
            transform=self.transform,
            void=self.void,
        )

    def _mixed(self, pairs: Pairs, mixture: Mixture) -> MixtureViews:
        ready: list[ReadyMember] = [
            Pairs(files, size=self.size, cache=self._ready_cache, transform=self.transform)
            for files in self._ready
        ]
        ready += [
            GeneratedPairs(
                member.root, self._of_rank_zero(pairs), size=self.size, transform=self.transform
            )
            for member, pairs in zip(mixture.sets, self._generated, strict=True)
        ]
        return MixtureViews(
            pairs,
            mixture,
            ready=ready,
            held_out={pair.id for pairs in self._held_out(self._files).values() for pair in pairs},
            seed=self.seed,
            batch_size=self.batch_size,
            num_batches=self.num_training_batches(len(pairs)),
            pools=open_pools(mixture.pools, self.trainer, size=self.size, transform=self.transform),
        )

    def _of_rank_zero(self, pairs: list[GeneratedPair]) -> list[GeneratedPair]:
        # a set may grow while ranks look at it, or be seen late on a shared disk
        if self.trainer is None:
            return pairs
        found: list[GeneratedPair] = self.trainer.strategy.broadcast(pairs)
        return found

    def _ready_files(self) -> dict[str, list[PairFiles]]:
        folders = () if self.mixture is None else self.mixture.ready
        return {str(f.root): files for f, files in zip(folders, self._ready, strict=True)}

    def _held_out(self, files: Mapping[str, list[PairFiles]]) -> dict[str, list[PairFiles]]:
        names = {self.splits.val, *self.splits.test}
        held_out = {name: pairs for name, pairs in files.items() if name in names}
        if not (self.root / "im").is_dir():
            return held_out
        # no folder has these names: say why a photo is held out
        said = dict.fromkeys(self.splits.test, "the test") | {self.splits.val: "the validation"}
        return {
            f"{said[name]}, held out by the hash of its name": p for name, p in held_out.items()
        }

    def _write_problems(self, problems: Sequence[Problem]) -> Path | None:
        """Leave the complete list beside the cache, or none where nothing is wrong any more."""
        if self.cache_folder is None:
            return None
        path = self.cache_folder / "problems.txt"
        if problems:
            write_atomically(path, f"{format_problems(problems, limit=None)}\n".encode())
        else:
            path.unlink(missing_ok=True)
        return path

    def _found_files(self) -> tuple[dict[str, list[PairFiles]], list[Problem]]:
        if not self.root.is_dir():
            raise DatasetError(f"{self.root.resolve()} does not exist: give it by --data.root")
        if (self.root / "im").is_dir():
            pairs, problems = find_pairs(self.root, "", weights=self.splits.weights)
            return self._divided(pairs), problems
        names = [self.splits.train, self.splits.val, *self.splits.test]
        present = [name for name in names if (self.root / name).is_dir()]
        if not present:
            raise DatasetError(
                f"{self.root.resolve()} holds neither im/ and gt/ nor any of {', '.join(names)}: "
                "give the folder by --data.root"
            )
        weights = self.splits.weights
        found = {name: find_pairs(self.root, name, weights=weights) for name in present}
        return (
            {name: pairs for name, (pairs, _) in found.items()},
            [problem for _, problems in found.values() for problem in problems],
        )

    def _divided(self, pairs: list[PairFiles]) -> dict[str, list[PairFiles]]:
        parts = divide(pairs, self.splits.held_out)
        if not all(parts):
            raise DatasetError(
                f"{self.root} has {len(pairs)} good pairs, too few to train on some and to hold "
                f"out {self.splits.held_out:g} of them for validation and as many for the test: "
                "add pairs or lower data.splits.held_out"
            )
        names = (self.splits.train, self.splits.val, self.splits.test[0])
        return dict(zip(names, parts, strict=True))


def divide(
    pairs: Sequence[PairFiles], held_out: float
) -> tuple[list[PairFiles], list[PairFiles], list[PairFiles]]:
    """Divide pairs into training, validation and test by the hash of each id.

    The hash is a place in [0, 1): below `held_out` is validation, below twice that the test, the
    rest training. Only where this leaves validation or test empty, in small sets, the training
    pair with the lowest place goes there; more photos can then move that one pair back.

    Args:
        pairs: In any order.
        held_out: Expected share of validation and of the test.

    Returns:
        Training, validation and test, each in the order of the hash; training is empty where there
        are too few pairs.
    """
    places = {pair: seed_for(0, "split", pair.id) / 2**63 for pair in pairs}
    ordered = sorted(pairs, key=places.__getitem__)
    val = [pair for pair in ordered if places[pair] < held_out]
    test = [pair for pair in ordered if held_out <= places[pair] < 2 * held_out]
    train = [pair for pair in ordered if places[pair] >= 2 * held_out]
    for part in (val, test):
        if not part and train:
            part.append(train.pop(0))
    return train, val, test


class EvaluationViews(Dataset[View]):
    """Pairs in order, each with its truth at the original size.

    Args:
        pairs: Where the views come from.
    """

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> View:
        return self.pairs.evaluation_view(index)
