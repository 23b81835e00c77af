"""Training subsets of a set in the DIS5K layout, as folders of links."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp

from datamodules.seeds import seed_for

SPLITS = ("DIS-TR", "DIS-VD", "DIS-TE1")
SEQUENCE = re.compile(r"davis_(.*)_\d+$")
"""Finds the video in the name of a frame."""
NUM_FOLDS = 5
_NUM_VALIDATED = 2  # sequences beside each fold that checkpoints are picked on


def subset(names: Sequence[str], share: float, seed: int) -> list[str]:
    """Return a share of names, drawn by the hash of each: a smaller share lies in a larger one.

    Args:
        names: Of the photos, without suffix.
        share: In (0, 1].
        seed: Another seed draws other names.
    """
    ordered = sorted(names, key=lambda name: seed_for(seed, "subset", name))
    return sorted(ordered[: max(1, round(share * len(names)))])


def fold(sequences: Sequence[str], number: int) -> tuple[list[str], list[str], list[str]]:
    """Divide sequences into training, validation and test of one of `NUM_FOLDS` folds.

    Each sequence is tested in one fold; the next ones in the order of their hash are validated on.
    """
    ordered = sorted(sequences, key=lambda name: seed_for(0, "fold", name))
    size = len(ordered) // NUM_FOLDS
    start = number * size
    end = start + size if number < NUM_FOLDS - 1 else len(ordered)
    turned = ordered[end:] + ordered[:start]
    return turned[_NUM_VALIDATED:], turned[:_NUM_VALIDATED], ordered[start:end]


def link_subset(source: Path, folder: Path, *, share: float, seed: int) -> int:
    """Link a set with a share of its training pairs; return how many there are."""
    splits = {split: _stems(source / split) for split in SPLITS}
    splits["DIS-TR"] = subset(splits["DIS-TR"], share, seed)
    _link(folder, {split: [(source / split, s) for s in splits[split]] for split in SPLITS})
    return len(splits["DIS-TR"])


def link_fold(source: Path, folder: Path, number: int) -> int:
    """Link a set of video frames with whole sequences in each split; return the training pairs."""
    frames = [(source / split, stem) for split in SPLITS for stem in _stems(source / split)]
    parts = fold(sorted({sequence_of(stem) for _, stem in frames}), number)
    chosen = {
        split: [frame for frame in frames if sequence_of(frame[1]) in part]
        for split, part in zip(SPLITS, parts, strict=True)
    }
    _link(folder, chosen)
    return len(chosen["DIS-TR"])


def link_all_as_test(source: Path, folder: Path) -> int:
    """Link every pair of a set, of whatever split, as a test pair; return how many there are."""
    pairs = [(source / split, stem) for split in SPLITS for stem in _stems(source / split)]
    _link(folder, {"DIS-TE1": pairs})
    return len(pairs)


def sequence_of(stem: str) -> str:
    """Return the video that a frame of DAVIS is from.

    Raises:
        ValueError: If the name is of another kind.
    """
    found = SEQUENCE.search(stem)
    if found is None:
        raise ValueError(f"{stem} does not end in davis_SEQUENCE_NUMBER: give frames of DAVIS")
    return found[1]


def _stems(split: Path) -> list[str]:
    return sorted(path.stem for path in (split / "gt").iterdir())


def _link(folder: Path, splits: Mapping[str, Sequence[tuple[Path, str]]]) -> None:
    if folder.is_dir():
        return  # complete: it got its name when it was
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    _link_all(part, splits)
    try:
        part.rename(folder)
    except OSError:  # another process was first
        shutil.rmtree(part)
        if not folder.is_dir():
            raise


def _link_all(folder: Path, splits: Mapping[str, Sequence[tuple[Path, str]]]) -> None:
    for split, pairs in splits.items():
        for kind in ("im", "gt"):
            place = folder / split / kind
            place.mkdir(parents=True)
            wanted = {(str(source), stem) for source, stem in pairs}
            for source in sorted({source for source, _ in pairs}):
                for path in (source.resolve() / kind).iterdir():
                    if (str(source), path.stem) in wanted:
                        (place / path.name).symlink_to(path)
