"""Which files belong together, by folder and name alone; nothing is opened."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from datamodules.problems import DatasetError, Problem, ProblemKind
from datamodules.walk import files_below

IMAGE_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
)
# Photos all the same, but of formats that are not read: named, so that nobody misses them
UNSUPPORTED_SUFFIXES = frozenset(
    {".arw", ".avif", ".cr2", ".cr3", ".dng", ".heic", ".heif", ".jxl", ".nef", ".orf", ".raw"}
    | {".rw2"}
)
_IMAGES, _MASKS = "im", "gt"  # the names that DIS5K uses
_DIS5K_FIELDS = 5  # group#Group#class#Class#id


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFiles:
    """The files of one photo with its mask."""

    id: str
    """``<subset>/<stem>``, or the stem alone where there is no subset."""
    image: Path
    mask: Path
    weight: Path | None
    """Grey image, how far each pixel counts. None: all fully."""
    class_names: tuple[str, ...]
    """One name: that of the object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFile:
    """One photo to predict."""

    id: str
    """Relative path without suffix, with "/" on every system; the name of what is predicted."""
    image: Path


def find_pairs(
    root: Path, subset: str, *, weights: str | None = None
) -> tuple[list[PairFiles], list[Problem]]:
    """Find the pairs of one subset: ``root/subset/im/NAME.*`` with ``root/subset/gt/NAME.*``.

    This is the official layout of DIS5K, whose file names hold the class, and that of any other
    folder with ``im`` and ``gt``, whose objects are all called "object". Hidden files and files
    that are no images are passed over. A photo of an unsupported format is a problem, unless its
    converted copy stands beside it.

    Args:
        root: Folder of the data set.
        subset: Folder below it, for example ``"DIS-TR"``; ``""`` or ``"."`` for `root` itself.
        weights: Name of a folder beside ``gt`` with one weight image a photo.

    Returns:
        Complete pairs sorted by name, and what is missing, unsupported or named twice.

    Raises:
        DatasetError: If a folder is missing or holds no images.
    """
    subset = "" if subset == "." else subset.strip("/")
    folder = root / subset
    wanted = [_IMAGES, _MASKS, *([] if weights is None else [weights])]
    found = {name: _images_by_stem(folder / name) for name in wanted}
    pairs, problems = [], []
    for stem in sorted({stem for files in found.values() for stem in files}):
        id = f"{subset}/{stem}" if subset else stem
        files = {name: found[name].get(stem, []) for name in wanted}
        trouble = _unsupported(id, files) or _problems_of(id, files, folder)
        problems += trouble
        if not trouble:
            pairs.append(
                PairFiles(
                    id=id,
                    image=files[_IMAGES][0],
                    mask=files[_MASKS][0],
                    weight=None if weights is None else files[weights][0],
                    class_names=(class_name_of(stem),),
                )
            )
    return pairs, problems


def find_photos(root: Path) -> tuple[list[PhotoFile], list[Problem]]:
    """Find all photos below a folder; links are followed, hidden files and folders passed over.

    Photos that differ in their suffix alone keep it in the id, so that no two results get the
    same name.

    Returns:
        Photos sorted by id, and those of unsupported formats without a converted copy beside them.

    Raises:
        DatasetError: If there is no such folder or no supported photo in it.
    """
    _require_folder(root)
    found = [path.relative_to(root) for path in files_below(root) if _is_photo(path)]
    paths = [path for path in found if not _is_unsupported(path)]
    _require_supported(paths, found, root)
    converted = {path.with_suffix("") for path in paths}
    problems = [
        _unsupported_problem(path.with_suffix("").as_posix(), root / path)
        for path in sorted(found)
        if _is_unsupported(path) and path.with_suffix("") not in converted
    ]
    ids = {path: path.with_suffix("").as_posix() for path in paths}
    # Again: a kept suffix can collide with another stem (a.jpg, a.png, a.jpg.png). It ends
    # because full paths are unique.
    while len(set(ids.values())) < len(ids):
        times = Counter(ids.values())
        ids = {path: path.as_posix() if times[id] > 1 else id for path, id in ids.items()}
    photos = sorted((id, path) for path, id in ids.items())
    return [PhotoFile(id=id, image=root / path) for id, path in photos], problems


def class_name_of(stem: str) -> str:
    """Return the class that a DIS5K file name holds, "object" for any other name.

    Example:
        >>> class_name_of("5#Electronics#4#Fan#302_d3bae95d")
        'Fan'
    """
    fields = stem.split("#")
    return fields[3] if len(fields) >= _DIS5K_FIELDS and fields[3] else "object"


def _images_by_stem(folder: Path) -> dict[str, list[Path]]:
    _require_folder(folder)
    files: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if _is_photo(path) and not path.name.startswith("."):
            files[path.stem].append(path)
    found = [path for paths in files.values() for path in paths]
    _require_supported([path for path in found if not _is_unsupported(path)], found, folder)
    return {stem: _readable_or_all(paths) for stem, paths in files.items()}


def _readable_or_all(paths: list[Path]) -> list[Path]:
    """Leave out the unsupported file of a name whose converted copy stands beside it."""
    return [path for path in paths if not _is_unsupported(path)] or paths


def _require_supported(supported: list[Path], found: list[Path], folder: Path) -> None:
    if supported:
        return
    if found:
        raise DatasetError(
            f"no images in {folder} but {len(found)} of unsupported formats, {min(found).name} for "
            "one: convert them to JPEG or PNG"
        )
    raise DatasetError(f"no images in {folder}: known suffixes are {sorted(IMAGE_SUFFIXES)}")


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise DatasetError(
            f"no folder {folder}: expected ROOT/SUBSET/{_IMAGES} and ROOT/SUBSET/{_MASKS} "
            f"for pairs, or any folder of photos for prediction"
        )


def _is_photo(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES | UNSUPPORTED_SUFFIXES and path.is_file()


def _is_unsupported(path: Path) -> bool:
    return path.suffix.lower() in UNSUPPORTED_SUFFIXES


def _unsupported_problem(id: str, path: Path) -> Problem:
    return Problem(
        kind=ProblemKind.UNREADABLE,
        id=id,
        path=path,
        message=f"the format {path.suffix} is not supported",
        cure="convert it to JPEG or PNG",
    )


def _unsupported(id: str, files: dict[str, list[Path]]) -> list[Problem]:
    paths = [path for paths in files.values() for path in paths]
    return [_unsupported_problem(id, path) for path in paths if _is_unsupported(path)]


def _problems_of(id: str, files: dict[str, list[Path]], folder: Path) -> list[Problem]:
    """What keeps the files of one stem (folder name: paths) from being a pair."""
    present = next(paths[0] for paths in files.values() if paths)
    problems = [
        Problem(
            kind=ProblemKind.MISSING_PARTNER,
            id=id,
            path=present,
            message=f"no file {present.stem}.* in {folder / name}",
            cure="add it, or remove this file",
        )
        for name, paths in files.items()
        if not paths
    ]
    problems += [
        Problem(
            kind=ProblemKind.DUPLICATE_ID,
            id=id,
            path=paths[1],
            message=f"the same name as {paths[0].name}",
            cure="rename or remove one of them: the name without suffix is the id",
        )
        for paths in files.values()
        if len(paths) > 1
    ]
    return problems
