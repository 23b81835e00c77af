"""Ready pairs as members of a mixture: folders that some other run, or person, has left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datamodules.check import check_pairs
from datamodules.folder import PairFiles, find_pairs
from datamodules.mixture_member import MixtureMember
from datamodules.problems import Problem, ProblemKind

EDITED = "~"
"""Stands in the name of an edited pair after the name of what it was made from."""


@dataclass(frozen=True, kw_only=True)
class ReadyPairs(MixtureMember):
    """A folder with ``im`` and ``gt``.

    Args:
        root: Folder; its name and the file's are the id.
        weight: How often its pairs are drawn, relative to 1 for pairs made on the fly.

    Raises:
        ValueError: If the weight is not above 0.
    """


def find_all_ready(
    members: Sequence[ReadyPairs],
    held_out: Mapping[str, Sequence[PairFiles]],
    *,
    memory: Path | None,
    progress: bool,
) -> tuple[list[list[PairFiles]], list[Problem]]:
    """Return the good pairs of each folder, and what is wrong with others; see `find_ready`.

    Raises:
        DatasetError: If there is no such folder or nothing in it.
    """
    found = [find_ready(m, held_out, memory=memory, progress=progress) for m in members]
    return [pairs for pairs, _ in found], [problem for _, some in found for problem in some]


def find_ready(
    ready: ReadyPairs,
    held_out: Mapping[str, Sequence[PairFiles]],
    *,
    memory: Path | None,
    progress: bool,
) -> tuple[list[PairFiles], list[Problem]]:
    """Find and check the pairs of a folder, against the evaluation splits above all.

    A ready pair is at fault if it shows the photo of a validation or test pair, or bears the name
    of one, alone or before the ``~`` of an edit.

    Args:
        ready: The folder.
        held_out: Name of each evaluation split and its pairs.
        memory: See `check_pairs`.
        progress: Whether to show a progress bar.

    Returns:
        The pairs without fault, and what is wrong with the others.

    Raises:
        DatasetError: If there is no such folder or nothing in it.
    """
    root = ready.root.absolute()
    found, problems = find_pairs(root.parent, root.name)
    names = {pair.id: pair for pair in found}
    checked = check_pairs({**held_out, str(root): found}, memory=memory, progress=progress)
    problems += [problem for problem in checked if problem.id in names]
    problems += _named_as_held_out(found, held_out)
    wrong = {problem.id for problem in problems}
    return [pair for pair in found if pair.id not in wrong], problems


def _named_as_held_out(
    found: Sequence[PairFiles], held_out: Mapping[str, Sequence[PairFiles]]
) -> list[Problem]:
    splits = {pair.image.stem: name for name, pairs in held_out.items() for pair in pairs}
    sources = {pair: pair.image.stem.split(EDITED)[0] for pair in found}
    return [
        Problem(
            kind=ProblemKind.SAME_PHOTO,
            id=pair.id,
            path=pair.image,
            message=f"by its name it was made from {source}, which is in {splits[source]}",
            cure="remove it: only training pairs may be edited",
        )
        for pair, source in sources.items()
        if source in splits
    ]
