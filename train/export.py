"""``python -m train export``: a generated set in a layout that other programs read."""

import argparse
import sys
from pathlib import Path

from callbacks.export_layouts import Dis5kFolders, HuggingFaceFolder, Layout, WebDatasetTars
from callbacks.set_export import Rights, export_set
from generation.scenes.credits import CREDITS
from train.cli import USER_ERRORS, fail, note

_ALL: tuple[Layout, ...] = (Dis5kFolders(), WebDatasetTars(), HuggingFaceFolder())
LAYOUTS = {layout.name: layout for layout in _ALL}


def main(args: list[str] | None = None) -> None:
    """Export a set and say on stderr where it is.

    Args:
        args: What follows ``export`` on the command line; None takes ``sys.argv``.

    Raises:
        SystemExit: With 2 and one line on stderr, if the set may not be given on or cannot be
            written.
    """
    options = _parser().parse_args(args)
    rights = Rights(
        credits=CREDITS,
        more_credits=tuple(options.credit),
        licence_checked=options.licence_checked,
    )
    try:
        is_new = export_set(
            options.folder,
            options.out,
            LAYOUTS[options.to],
            rights=rights,
            progress=sys.stderr.isatty(),
        )
    except USER_ERRORS as error:
        fail(str(error))
    note(f"{options.out} {'holds the export' if is_new else 'holds this export already'}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m train export",
        description="Write the pairs that no rejected*.txt names in a layout of other programs, "
        "with a card. Stopped, the same command goes on.",
    )
    parser.add_argument("folder", type=Path, help="set made by predict")
    parser.add_argument("out", type=Path, help="folder that appears")
    parser.add_argument("--to", required=True, choices=LAYOUTS, help="layout")
    parser.add_argument(
        "--licence-checked",
        default="",
        metavar="REASON",
        help="why the set may be given on although a licence is unknown or speaks against it, as "
        '"my own photos"; stands in the card',
    )
    parser.add_argument(
        "--credit",
        action="append",
        default=[],
        metavar="TEXT",
        help="whom the licences of parents ask to name; stands in the card; may be repeated",
    )
    return parser
