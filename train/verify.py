"""``python -m train verify``: whether a generated set is whole."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from datamodules.atomic import write_atomically
from datamodules.set_check import Fault, SetCheck, check_set
from train.cli import USER_ERRORS, fail, note

FAULTS = "faults.txt"
"""All of them, in the set's folder; taken away by the next check that finds none."""
MOST_SHOWN = 50
NOT_WHOLE = 1  # of a process that was asked and says no; 2 is a question that makes no sense


def main(args: list[str] | None = None) -> None:
    """Check a set, print each fault in one line and then what was found.

    Args:
        args: What follows ``verify`` on the command line; None takes ``sys.argv``.

    Raises:
        SystemExit: With 1 if anything is wrong or pairs of the plan are missing; with 2 and one
            line on stderr, if the folder is no generated set.
    """
    parser = argparse.ArgumentParser(
        "python -m train verify",
        description="Whether a generated set is whole. Leaves with 0 if it is, with 1 if something "
        "is wrong or its run has not ended, with 2 if the folder is no set.",
    )
    parser.add_argument("folder", type=Path, help="set made by predict")
    folder = parser.parse_args(args).folder
    try:
        found = check_set(folder, progress=sys.stderr.isatty())
    except USER_ERRORS as error:
        fail(str(error))
    is_listed = _leave_list(folder / FAULTS, found.faults)
    shown = found.faults[:MOST_SHOWN] if is_listed else found.faults
    for fault in shown:
        sys.stdout.write(f"{fault}\n")
    more = len(found.faults) - len(shown)
    if more:
        sys.stdout.write(f"... and {more:,} more, see {folder / FAULTS}\n")
    sys.stdout.write(f"{folder}: {conclusion(found)}\n")
    if not found.is_whole:
        raise SystemExit(NOT_WHOLE)


def conclusion(found: SetCheck) -> str:
    """Return what was found, in one line."""
    if found.is_whole:
        return f"whole, {found.num_pairs:,} pairs in {found.num_shards:,} shards"
    parts = []
    if found.faults:
        parts.append(f"{len(found.faults):,} faults")
    if found.missing:
        parts.append(
            f"unfinished, {len(found.missing):,} shards with {found.num_missing:,} pairs of the "
            "plan are missing: run the same predict command again"
        )
    return f"{', '.join(parts)} ({found.num_pairs:,} pairs stand in {found.num_shards:,} shards)"


def _leave_list(path: Path, faults: Sequence[Fault]) -> bool:
    """Write or remove the list, where it is not as it should be, and return whether it now is.

    A set may lie on a disk that can only be read, which is no fault of the set.
    """
    content = "".join(f"{fault}\n" for fault in faults).encode()
    try:
        if not faults and path.exists():
            path.unlink()
        elif faults and not (path.is_file() and path.read_bytes() == content):
            write_atomically(path, content)
    except OSError as error:
        note(f"{path} could not be brought up to date: {error.strerror}")
        return False
    return True
