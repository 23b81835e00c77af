"""What a fit has left about its data, for the report of a test in the same folder."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from callbacks.data_stall import TIMING
from callbacks.gallery import FOLDER, INDEX, PICTURES, Gallery, picture_name, read_gallery
from callbacks.pool_facts import PoolFacts
from callbacks.synthesis_failures import COUNTS, failure_files, read_failures


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """How long training waited for batches."""

    share: float
    """Of the time, in [0, 1]; of the process that waited most."""
    seconds: float
    seconds_to_first_batch: float
    num_batches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticShare:
    """How much of training was synthetic."""

    num_samples: int
    num_synthetic: int
    """Meant to be; those that failed among them."""
    num_failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A training pair that no synthetic one could be made of, for one reason."""

    id: str
    reason: str
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFacts:
    """Everything; a part is None or empty where the fit left nothing of it."""

    stall: Stall | None
    synthetic: SyntheticShare | None
    pools: tuple[PoolFacts, ...]
    failures: tuple[Failure, ...]
    """The most frequent first."""
    failure_files: tuple[str, ...]
    """Names of the files that hold all of them."""
    gallery: Gallery | None
    pictures: tuple[Mapping[str, bytes], ...]
    """Of each pair of the gallery, encoded, by the keys of `PICTURES`."""

    @property
    def has_training(self) -> bool:
        """Whether there is anything but a gallery."""
        return any((self.stall, self.synthetic, self.pools, self.failures))


def read_training_facts(root: Path) -> TrainingFacts:
    """Read what a fit has left in a run's folder, if there was one.

    Raises:
        ValueError: If a file there is not what a fit leaves; the message names it.
    """
    files = failure_files(root)
    rows = [row for path in files for row in read_failures(path)]
    counts = Counter((id, reason) for _, id, reason in rows)
    folder = root / FOLDER
    gallery = read_gallery(folder) if (folder / INDEX).is_file() else None
    return TrainingFacts(
        stall=_stall(root / TIMING),
        synthetic=_synthetic(root / COUNTS),
        pools=_pools(root / TIMING),
        failures=tuple(
            Failure(id=id, reason=reason, times=times)
            for (id, reason), times in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        ),
        failure_files=tuple(path.name for path in files),
        gallery=gallery,
        pictures=() if gallery is None else _pictures(folder, len(gallery.pairs)),
    )


def _stall(path: Path) -> Stall | None:
    values = _numbers(path, ("data_stall", "seconds", "seconds_to_first_batch", "num_batches"))
    return (
        None
        if values is None
        else Stall(
            share=values["data_stall"],
            seconds=values["seconds"],
            seconds_to_first_batch=values["seconds_to_first_batch"],
            num_batches=int(values["num_batches"]),
        )
    )


def _pools(path: Path) -> tuple[PoolFacts, ...]:
    if not path.is_file():
        return ()
    content = json.loads(path.read_text())  # as `_stall` has read it
    try:
        return tuple(PoolFacts(**facts) for facts in content.get("pools", ()))
    except (AttributeError, TypeError) as error:
        raise _not_of_a_fit(path, error) from error


def _synthetic(path: Path) -> SyntheticShare | None:
    values = _numbers(path, ("num_samples", "num_synthetic", "num_failed"))
    if values is None:
        return None
    return SyntheticShare(**{name: int(value) for name, value in values.items()})


def _numbers(path: Path, names: tuple[str, ...]) -> dict[str, float] | None:
    """Return the numbers of a JSON file by name; None where there is no file."""
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text())
        return {name: float(content[name]) for name in names}
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise _not_of_a_fit(path, error) from error


def _not_of_a_fit(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path} is not what a fit leaves ({error}): remove it to go on without it")


def _pictures(folder: Path, num_pairs: int) -> tuple[Mapping[str, bytes], ...]:
    missing = [
        path
        for place in range(num_pairs)
        for path in (folder / picture_name(place, picture) for picture in PICTURES)
        if not path.is_file()
    ]
    if missing:
        raise ValueError(f"{missing[0]} is missing: remove {folder} to go on without it")
    return tuple(
        {picture: (folder / picture_name(place, picture)).read_bytes() for picture in PICTURES}
        for place in range(num_pairs)
    )
