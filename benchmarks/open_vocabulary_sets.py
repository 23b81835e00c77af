"""The sets of the proof of open-vocabulary training, each made when a run first needs it."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ablation_claims import claimed
from benchmarks.open_vocabulary_data import (
    REAL_SIZES,
    SIZE,
    SceneMaps,
    SmallPhotos,
    UnalignedPairs,
    flip,
)
from benchmarks.open_vocabulary_plan import CAMVID, CLOTHING, COUNTERFACTUAL, NAMES, Run
from datamodules.generated_labels import GeneratedLabels
from datamodules.labelled_photos import LabelledPhotos
from datamodules.segmentation import SegmentationDataModule
from datamodules.shard_index import INDEX
from datamodules.voc import VOCFolder, read_classes
from datamodules.vocabulary import read_vocabulary
from generation.compositions import CompositionScenes, distinct_names, half_of

EIGHT = "generation/objects/composed.txt"
"""What the runs about counterfactuals find."""
_TEST_SPLITS = {CLOTHING: "test", CAMVID: "val"}


@dataclass(frozen=True, kw_only=True)
class Sets:
    """Where data lie.

    Args:
        work: Folder of what is made.
        real: Folders of ``clothing`` and ``camvid``, by these names.
        num_pairs: Scenes that a run learns from.
        num_scenes: Scenes that are scored; a fifth as many say where background begins.
    """

    work: Path
    real: Mapping[str, Path]
    num_pairs: int = 2048
    num_scenes: int = 320

    def names(self, run: Run) -> tuple[str, ...]:
        """Return the classes that a run learns with masks."""
        if run.group in REAL_SIZES:
            return read_classes(self.real[run.group] / "classes.txt")
        if run.group == COUNTERFACTUAL:
            return read_vocabulary(EIGHT).names
        return distinct_names() if run.arm == "all" else half_of(distinct_names())

    def vocabulary(self, run: Run) -> Path:
        """Return the list of these classes."""
        path = self.work / "vocabularies" / f"{run.key}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(self.names(run)))
        return path

    def training(self, run: Run) -> SegmentationDataModule:
        """Return what a run learns from."""
        batch_size = 32 if run.arm.endswith("twice") else 16
        if run.group in REAL_SIZES:
            size = REAL_SIZES[run.group]
            return LabelledPhotos(
                train=self._small(run.group),
                size=size,
                batch_size=min(8, -(-self._num_real(run.group) * run.percent // 100)),
                train_share=run.percent / 100,
                transforms=flip(),
                num_workers=0,
                seed=run.seed,
            )
        kind = UnalignedPairs if run.arm.endswith("unaligned") else GeneratedLabels
        return kind(
            [self._pairs(run)],
            size=SIZE,
            batch_size=batch_size,
            transforms=flip(),
            num_workers=0,
            seed=run.seed,
        )

    def test(self, run: Run) -> LabelledPhotos:
        """Return what a run is scored on, and training photos to set the threshold on."""
        if run.group in REAL_SIZES:
            test = VOCFolder(
                self.real[run.group],
                _TEST_SPLITS[run.group],
                background=run.group == CLOTHING,
            )
            return LabelledPhotos(
                train=self._small(run.group),
                test=test,
                train_share=run.percent / 100,
                num_workers=0,
                seed=run.seed,
            )
        return self._scenes(run)

    def empty(self, run: Run) -> LabelledPhotos:
        """Return the test scenes without their objects."""
        return self._scenes(run, empty=True)

    def _scenes(self, run: Run, *, empty: bool = False) -> LabelledPhotos:
        shown = CompositionScenes(size=SIZE, names=list(self.names(run)))
        scenes = shown
        if run.group == NAMES:
            scenes = CompositionScenes(size=SIZE, names=list(distinct_names()))
        folder = self.work / "scenes" / run.group.replace(" ", "-")
        seen = f"seen-{len(self.names(run))}"
        with claimed(self.work, "scenes", waits=True):
            train = SceneMaps(
                folder / seen, scenes, number=self.num_scenes // 5, split="train", shown=shown
            )
            test = SceneMaps(
                folder / ("empty" if empty else "all"),
                scenes,
                number=self.num_scenes,
                split="val",  # other seeds; so short a training would fail on another world
                empty=empty,
            )
            train.find(), test.find()
        return LabelledPhotos(train=train, test=test, num_workers=0, seed=run.seed)

    def _small(self, group: str) -> SmallPhotos:
        height, width = size = REAL_SIZES[group]
        return SmallPhotos(
            self.real[group],
            self.work / "small" / f"{group}-{height}x{width}",
            size=size,
            background=group == CLOTHING,
        )

    def _num_real(self, group: str) -> int:
        return len(VOCFolder(self.real[group], "train").find().files)

    def _pairs(self, run: Run) -> Path:
        """Make the scenes that a run learns from, where they are not there; return the folder."""
        folder = self.work / "pairs" / f"{run.group.replace(' ', '-')}-{len(self.names(run))}"
        with claimed(self.work, "pairs", waits=True):
            if not (folder / INDEX).is_file():
                _predict(folder, self.num_pairs, self.names(run))
        return folder


def _predict(folder: Path, number: int, names: Sequence[str]) -> None:
    """Run ``python -m train predict``, which goes on where one was stopped."""
    source = "--data.source.init_args"
    command = [sys.executable, "-m", "train", "predict"]
    command += ["--config", "configs/generation/compositions.yaml", "--data.folder", str(folder)]
    command += ["--trainer.default_root_dir", f"{folder}-run", "--data.num_workers", "0"]
    command += [f"{source}.number={number}", f"{source}.counterfactual=true"]
    command += [f"{source}.scenes.init_args.size={SIZE}"]
    command += [f"{source}.scenes.init_args.names={list(names)}"]
    subprocess.run(command, check=True)
