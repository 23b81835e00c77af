"""Which prediction belongs to which mask, by folder and name alone; nothing is opened."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datamodules.folder import IMAGE_SUFFIXES, UNSUPPORTED_SUFFIXES, class_name_of
from datamodules.problems import DatasetError, Problem, ProblemKind, format_problems
from datamodules.walk import files_below

_IMAGES, _MASKS = "im", "gt"  # the names that DIS5K uses


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredFiles:
    """The files of one image to score."""

    id: str
    """Relative path of the mask without suffix, and without the ``gt`` of a DIS5K root."""
    mask: Path
    prediction: Path
    image: Path | None
    """The photo, to look at. None: there is none."""
    class_names: tuple[str, ...]
    """One name: that of the object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPredictions:
    """What two folders hold, matched."""

    files: list[ScoredFiles]
    """Complete ones, sorted by id."""
    missing: list[Problem]
    """One a mask that has no prediction."""
    without_photo: list[Problem]
    """One an image that has no photo, where others have one."""
    num_unmatched: int
    """Predictions without a mask."""


def find_predictions(
    predictions: Path, masks: Path, *, images: Path | None = None
) -> FoundPredictions:
    """Match predictions and masks by their paths below the two folders, whatever their suffixes.

    Links to folders are followed. Hidden files and files that are no images are passed over.

    Args:
        predictions: Folder, searched to any depth.
        masks: Folder, searched to any depth; or a root in the DIS5K layout, one with ``gt`` or
            ``*/gt`` folders. There the mask ``DIS-VD/gt/x.png`` has the id ``DIS-VD/x``, and the
            photo is looked for in ``DIS-VD/im``.
        images: Folder of the photos, laid out like the masks. None: those of a DIS5K root, or none.

    Raises:
        DatasetError: If a folder is missing or holds no images, two files have one id, predictions
            and masks lie in one folder, or no prediction belongs to a mask.
    """
    for name, folder in (("predictions", predictions), ("masks", masks), ("images", images)):
        if folder is not None and not folder.is_dir():
            raise DatasetError(f"{folder.resolve()} is no folder: give it by --data.{name}")
    mask_folders = _folders(masks, _MASKS)
    if predictions.resolve() == masks.resolve():
        raise DatasetError(f"predictions and masks are the same folder, {masks}: give two")
    for folder in mask_folders.values():
        if predictions.resolve().is_relative_to(folder.resolve()):
            raise DatasetError(
                f"the predictions {predictions} lie in the folder of the masks {folder}: move them "
                "apart, or they would be taken for masks"
            )
    truths = _files_by_id(mask_folders)
    predicted = _files_by_id({"": predictions}, without=mask_folders.values())
    photos = _photos(masks, images, is_dis5k="" not in mask_folders or masks != mask_folders[""])
    for found, folder in ((truths, masks), (predicted, predictions)):
        if not found:
            raise DatasetError(
                f"no images in {folder}: known suffixes are {sorted(IMAGE_SUFFIXES)}"
            )
    _refuse_ambiguous(truths, {id: predicted[id] for id in truths if id in predicted}, photos)
    _require_match(predictions, truths, predicted)
    files = [
        ScoredFiles(
            id=id,
            mask=truths[id][0],
            prediction=predicted[id][0],
            image=photos[id][0] if id in photos else None,
            class_names=(class_name_of(id.rpartition("/")[2]),),
        )
        for id in sorted(truths)
        if id in predicted
    ]
    missing = [_missing(id, predictions) for id in sorted(truths) if id not in predicted]
    return FoundPredictions(
        files=files,
        missing=missing,
        without_photo=[_without_photo(f) for f in files if photos and f.image is None],
        num_unmatched=len(predicted.keys() - truths.keys()),
    )


def _folders(root: Path, name: str) -> dict[str, Path]:
    """Return the folders to search, by what the ids of their files begin with."""
    inner = [path for path in (root / name, *sorted(root.glob(f"*/{name}"))) if path.is_dir()]
    prefixes = {path: path.parent.relative_to(root).as_posix() for path in inner}
    return {"" if p == "." else f"{p}/": path for path, p in prefixes.items()} or {"": root}


def _photos(masks: Path, images: Path | None, *, is_dis5k: bool) -> dict[str, list[Path]]:
    if images is not None:
        return _files_by_id(_folders(images, _IMAGES))
    has_photos = any(path.is_dir() for path in (masks / _IMAGES, *masks.glob(f"*/{_IMAGES}")))
    return _files_by_id(_folders(masks, _IMAGES)) if is_dis5k and has_photos else {}


def _files_by_id(
    folders: Mapping[str, Path], *, without: Iterable[Path] = ()
) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = defaultdict(list)
    passed_over = tuple(folder.resolve() for folder in without)
    for prefix, folder in folders.items():
        for path in files_below(folder):
            if path.suffix.lower() not in IMAGE_SUFFIXES | UNSUPPORTED_SUFFIXES:
                continue
            place = path.parent.resolve()
            if not any(place.is_relative_to(other) for other in passed_over):
                name = path.relative_to(folder).with_suffix("")
                files[f"{prefix}{name.as_posix()}"].append(path)
    return dict(files)


def _refuse_ambiguous(*found: Mapping[str, Sequence[Path]]) -> None:
    problems = [
        Problem(
            kind=ProblemKind.DUPLICATE_ID,
            id=id,
            path=paths[1],
            message=f"the same name as {paths[0].name}",
            cure="remove one of them: the name without suffix says which mask it belongs to",
        )
        for files in found
        for id, paths in files.items()
        if len(paths) > 1
    ]
    if problems:
        raise DatasetError(format_problems(problems))


def _require_match(
    predictions: Path, truths: Mapping[str, object], predicted: Mapping[str, object]
) -> None:
    if truths.keys() & predicted.keys():
        return
    inner = sorted({id.rpartition("/")[0] for id in predicted} - {""})
    fitting = [folder for folder in inner if truths.keys() & _below(folder, predicted)]
    cure = (
        f"give --data.predictions {predictions / fitting[0]}"
        if fitting
        else ("name each prediction like its mask, folders included")
    )
    raise DatasetError(
        f"no prediction in {predictions} is named like a mask: the first mask is {min(truths)!r}, "
        f"the first prediction {min(predicted)!r}: {cure}"
    )


def _below(folder: str, ids: Mapping[str, object]) -> set[str]:
    return {id.removeprefix(f"{folder}/") for id in ids if id.startswith(f"{folder}/")}


def _missing(id: str, predictions: Path) -> Problem:
    return Problem(
        kind=ProblemKind.MISSING_PARTNER,
        id=id,
        path=predictions / f"{id}.*",
        message="there is no such prediction",
        cure="predict it, or score the rest by --data.missing skip",
    )


def _without_photo(files: ScoredFiles) -> Problem:
    return Problem(
        kind=ProblemKind.MISSING_PARTNER,
        id=files.id,
        path=files.mask,
        message="no photo belongs to this mask",
        cure="add it to see it in the report; the scores do not need it",
    )
