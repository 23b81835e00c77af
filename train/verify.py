"""``python -m train verify``: whether a generated set is whole."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from datamodules.atomic import write_atomically
from datamodules.set_check import Fault, SetCheck, check_set
from train.cli import USER_ERRORS, fail

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
        _leave_list(folder / FAULTS, found.faults)
    except USER_ERRORS as error:
        fail(str(error))
    for fault in found.faults[:MOST_SHOWN]:
        sys.stdout.write(f"{fault}\n")
    if len(found.faults) > MOST_SHOWN:
        more = len(found.faults) - MOST_SHOWN
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


def _leave_list(path: Path, faults: Sequence[Fault]) -> None:
    if faults:
        write_atomically(path, "".join(f"{fault}\n" for fault in faults).encode())
    else:
        path.unlink(missing_ok=True)
