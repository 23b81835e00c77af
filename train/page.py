"""``python -m train page``: the page on which a generated set is looked through."""

import argparse
import sys
from pathlib import Path

from callbacks.generation_summary import summary
from callbacks.set_page import PAGE, write_set_page
from callbacks.set_records import read_set
from train.cli import USER_ERRORS, fail, note


def main(args: list[str] | None = None) -> None:
    """Write the page of a set, finished or not, and say on stderr where it is.

    Args:
        args: What follows ``page`` on the command line; None takes ``sys.argv``.

    Raises:
        SystemExit: With 2 and one line on stderr, if the folder is no generated set or the page
            cannot be written.
    """
    parser = argparse.ArgumentParser(
        "python -m train page",
        description="Write FOLDER/page/index.html: figures of the run, and all pairs.",
    )
    parser.add_argument("folder", type=Path, help="set made by predict")
    folder = parser.parse_args(args).folder
    try:
        found = read_set(folder)
        write_set_page(found, summary(found), progress=sys.stderr.isatty())
    except USER_ERRORS as error:
        fail(str(error))
    note(f"page: {folder / PAGE}")
