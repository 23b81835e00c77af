"""Ready pairs as members of a mixture: folders that some other run, or person, has left."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datamodules.check import check_pairs
from datamodules.folder import PairFiles, find_pairs
from datamodules.held_out import HeldOut, held_out_of
from datamodules.mixture_member import MixtureMember
from datamodules.problems import DatasetError, Problem, ProblemKind
from datamodules.shard_index import rejected_later

TOLD = "pairs.jsonl"
"""What an export knows of each pair, its parents for one; a line of JSON each."""


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

    A ready pair is at fault if it shows the photo of a validation or test pair, whatever its name,
    or was made of one. This tells the ``pairs.jsonl`` that an export has left, else the name of
    an edit: what stands before its ``~``. A bare name tells nothing, as photos of different sets
    may share it: edits that other programs have left under the name of their photo are found by
    ``python -m train audit FOLDER --against ...``, whose list of rejected pairs is left out here.

    Args:
        ready: The folder.
        held_out: Name of each evaluation split and its pairs.
        memory: See `check_pairs`.
        progress: Whether to show a progress bar.

    Returns:
        The pairs without fault, and what is wrong with the others.

    Raises:
        DatasetError: If there is no such folder or nothing in it, or its ``pairs.jsonl`` is broken.
    """
    root = ready.root.absolute()
    found, problems = find_pairs(root.parent, root.name)
    names = {pair.id: pair for pair in found}
    checked = check_pairs({**held_out, str(root): found}, memory=memory, progress=progress)
    problems += [problem for problem in checked if problem.id in names]
    left_out = {problem.id for problem in problems}
    others = [pair for pair in found if pair.id not in left_out]  # each is told of once
    problems += _made_of_held_out(others, _parents(root / TOLD), held_out_of(held_out))
    left_out |= {problem.id for problem in problems}
    left_out |= {f"{root.name}/{name}" for name in rejected_later(root)}
    return [pair for pair in found if pair.id not in left_out], problems


def _made_of_held_out(
    found: Sequence[PairFiles], parents: Mapping[str, list[str]], held_out: HeldOut
) -> list[Problem]:
    return [
        Problem(
            kind=ProblemKind.SAME_PHOTO,
            id=pair.id,
            path=pair.image,
            message=f"it was made from {held_out.told(sources)}",
            cure="remove it: only training pairs may be edited",
        )
        for pair in found
        if (sources := held_out.sources(pair.image.stem, parents.get(pair.image.stem, [])))
    ]


def _parents(path: Path) -> dict[str, list[str]]:
    """Return the parents of each pair of an export by its id; nothing where it is none."""
    if not path.is_file():
        return {}
    try:
        told = [json.loads(line) for line in path.read_text().splitlines()]
        return {
            str(pair["id"]): [str(parent) for parent in pair["provenance"]["parents"]]
            for pair in told
        }
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{path} is not what an export leaves ({error}): export the set again, or remove it"
        ) from error
