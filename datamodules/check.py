"""Look at every file of a data set once, and report everything that is wrong together."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.atomic import file_signature, write_atomically
from datamodules.decode import DecodeError, read_image
from datamodules.decode_mask import read_mask, read_mask_and_void
from datamodules.folder import PairFiles
from datamodules.parallel import map_in_threads
from datamodules.problems import Problem, ProblemKind
from datamodules.same_photo import SIDE, find_same_photos, thumbnail

_VERSION = 2  # raise it when findings change their meaning: old ones are then made again


@dataclass(frozen=True, slots=True)
class _Finding:
    """What was seen in the files of one pair."""

    broken: list[tuple[str, str]]
    """(file, cause) of what cannot be decoded."""
    sizes: list[tuple[str, int, int]]
    """(file, height, width) of every readable file, the image first."""
    is_empty: bool
    thumbnail: str
    """Of the image, in hexadecimal; empty where it is broken."""


def check_pairs(
    splits: Mapping[str, Sequence[PairFiles]],
    *,
    void: int | None = None,
    progress: bool = False,
    memory: Path | None = None,
) -> list[Problem]:
    """Decode every file of a data set and return all that is wrong, sorted.

    Takes about 15 ms a megapixel and core, once: findings are remembered.

    Args:
        splits: Name of each split and its pairs.
        void: Stored mask value that means "unknown", see `read_mask_and_void`; such pixels are no
            foreground.
        progress: Whether to show a progress bar.
        memory: JSON file of findings by void, path, size and time of change; made if missing. Only
            new and changed files are decoded again.

    Raises:
        OSError: If `memory` cannot be written.
    """
    pairs = list(dict.fromkeys(files for pairs in splits.values() for files in pairs))
    found = _findings(pairs, void, progress=progress, memory=memory)
    problems = _duplicate_ids(splits)
    for files in pairs:
        problems += _problems_of(files, found[files])
    thumbnails = {files: found[files].thumbnail for files in pairs}
    problems += _same_photos(splits, thumbnails)
    kinds = list(ProblemKind)
    return sorted(problems, key=lambda problem: (kinds.index(problem.kind), problem.id))


def photo_thumbnails(
    pairs: Sequence[PairFiles], *, void: int | None = None, memory: Path | None = None
) -> tuple[list[PairFiles], NDArray[np.uint8]]:
    """Return the pairs whose photo can be read, and ``(N, 16, 16)`` uint8 thumbnails of them.

    Args:
        pairs: Any.
        void: As for `check_pairs`.
        memory: As for `check_pairs`, with the same findings.

    Raises:
        OSError: If `memory` cannot be written.
    """
    found = _findings(pairs, void, progress=False, memory=memory)
    readable = [files for files in pairs if found[files].thumbnail]
    return readable, _stack([found[files].thumbnail for files in readable])


def _findings(
    pairs: Sequence[PairFiles], void: int | None, *, progress: bool, memory: Path | None
) -> dict[PairFiles, _Finding]:
    """Return what is known of each pair, once those that are not remembered were looked at."""
    known = _remembered(memory)
    keys = {files: _key(files, void) for files in pairs}
    unknown = [files for files in pairs if keys[files] not in known]
    found = map_in_threads(
        lambda files: _look_at(files, void), unknown, title="Checking the data", progress=progress
    )
    known |= {keys[files]: finding for files, finding in zip(unknown, found, strict=True)}
    if memory is not None and unknown:
        findings = {key: asdict(finding) for key, finding in known.items()}
        write_atomically(memory, json.dumps({"version": _VERSION, "findings": findings}).encode())
    return {files: known[keys[files]] for files in pairs}


def _paths(files: PairFiles) -> list[Path]:
    return [files.image, files.mask, *([] if files.weight is None else [files.weight])]


def _key(files: PairFiles, void: int | None) -> str:
    signatures = [file_signature(path) if path.exists() else str(path) for path in _paths(files)]
    return json.dumps([void, *signatures])


def _remembered(memory: Path | None) -> dict[str, _Finding]:
    if memory is None or not memory.exists():
        return {}
    try:
        content = json.loads(memory.read_bytes())
        if content["version"] != _VERSION:
            return {}
        return {key: _Finding(**finding) for key, finding in content["findings"].items()}
    except (ValueError, TypeError, KeyError):  # not ours or broken; costs a new look
        return {}


def _look_at(files: PairFiles, void: int | None) -> _Finding:
    broken, sizes, small = [], [], ""
    try:
        image = read_image(files.image)
        sizes.append((str(files.image), image.shape[0], image.shape[1]))
        small = thumbnail(image).tobytes().hex()
    except DecodeError as error:
        broken.append((str(files.image), _cause(error, files.image)))
    is_empty = False
    for path in _paths(files)[1:]:
        try:
            is_mask = path == files.mask
            mask = read_mask_and_void(path, void)[0] if is_mask else read_mask(path)
        except DecodeError as error:
            broken.append((str(path), _cause(error, path)))
            continue
        sizes.append((str(path), mask.shape[0], mask.shape[1]))
        if is_mask:
            # the metrics' own rule: foreground is what is more than half covered
            is_empty = bool(mask.max() <= 127)
    return _Finding(broken=broken, sizes=sizes, is_empty=is_empty, thumbnail=small)


def _cause(error: DecodeError, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ")


def _duplicate_ids(splits: Mapping[str, Sequence[PairFiles]]) -> list[Problem]:
    first: dict[str, tuple[str, PairFiles]] = {}
    problems = []
    for split, pairs in splits.items():
        for files in pairs:
            other_split, other = first.setdefault(files.id, (split, files))
            if other is files:
                continue
            problems.append(
                Problem(
                    kind=ProblemKind.DUPLICATE_ID,
                    id=files.id,
                    path=files.image,
                    message=f"in {split}: the id is that of {other.image} in {other_split}",
                    cure="rename or remove one of them, or use the folder in one split only",
                )
            )
    return problems


def _problems_of(files: PairFiles, finding: _Finding) -> list[Problem]:
    problems = [
        Problem(
            kind=ProblemKind.UNREADABLE,
            id=files.id,
            path=Path(path),
            message=cause,
            cure="copy it again from its source, or remove the pair",
        )
        for path, cause in finding.broken
    ]
    reference, *others = finding.sizes or [("", 0, 0)]
    problems += [
        Problem(
            kind=ProblemKind.SIZE_MISMATCH,
            id=files.id,
            path=Path(path),
            message=f"{height}x{width}, but {reference[0]} is {reference[1]}x{reference[2]} "
            f"(height x width, upright)",
            cure="export both at one size; look for a rotation that only one of them carries",
        )
        for path, height, width in others
        if (height, width) != (reference[1], reference[2])
    ]
    if finding.is_empty:
        problems.append(
            Problem(
                kind=ProblemKind.EMPTY_MASK,
                id=files.id,
                path=files.mask,
                message="no pixel is more than half covered",
                cure="draw the object, or remove the pair",
            )
        )
    return problems


def _same_photos(
    splits: Mapping[str, Sequence[PairFiles]], thumbnails: Mapping[PairFiles, str]
) -> list[Problem]:
    readable = {
        split: [files for files in pairs if thumbnails[files]] for split, pairs in splits.items()
    }
    arrays = {
        split: _stack([thumbnails[files] for files in pairs]) for split, pairs in readable.items()
    }
    problems = []
    for split, other in combinations(splits, 2):
        for i, j in find_same_photos(arrays[split], arrays[other]):
            files, copy = readable[split][i], readable[other][j]
            problems.append(
                Problem(
                    kind=ProblemKind.SAME_PHOTO,
                    id=copy.id,
                    path=copy.image,
                    message=f"in {other}: shows the same as {files.image} in {split}",
                    cure="remove it from one of the splits, or results will be too good",
                )
            )
    return problems


def _stack(thumbnails: Sequence[str]) -> NDArray[np.uint8]:
    data = b"".join(bytes.fromhex(text) for text in thumbnails)
    return np.frombuffer(data, np.uint8).reshape(-1, SIDE, SIDE)
