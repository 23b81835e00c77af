"""``python -m callbacks.report compare``: test runs side by side, with what chance may explain."""

from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from callbacks.compare_content import Comparison, compare
from callbacks.compare_files import PAGE, refuse_other_folder, write_comparison
from callbacks.compare_runs import ComparisonError, Method, parse_method
from callbacks.compare_table import tables

NUM_DRAWS = 2000
"""The ends of a 95 % interval then rest on 50 draws each."""
MIN_DRAWS = 100
OUT = Path("runs/compare")

_EXAMPLES = """\
examples:
  python -m callbacks.report compare runs/isnet runs/birefnet
  python -m callbacks.report compare old=runs/a0,runs/a1,runs/a2 new=runs/b0,runs/b1,runs/b2
  python -m callbacks.report compare runs/a runs/b --groups '^(.*)/'    (frames of a video)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Without the program's name. None: those of the process.

    Returns:
        0 when the comparison is written, 2 for what the user can put right.
    """
    options = _parser().parse_args(arguments)
    console, errors = Console(), Console(stderr=True)
    try:
        methods = _methods(options.runs)
        refuse_other_folder(options.out)
        comparison = compare(
            methods, groups=options.groups, num_draws=options.draws, common=options.common
        )
        write_comparison(options.out, comparison)
    except (ComparisonError, OSError) as error:
        # soft_wrap: a path that is cut into lines cannot be copied
        errors.print(f"error: {error}", soft_wrap=True, markup=False, highlight=False)
        return 2
    _show(console, comparison, options.out)
    return 0


def _show(console: Console, comparison: Comparison, out: Path) -> None:
    console.print(tables(comparison))
    console.print(f"page: {out / PAGE}", soft_wrap=True, markup=False, highlight=False)


def _methods(runs: Sequence[str]) -> list[Method]:
    methods = [parse_method(run) for run in runs]
    if len(methods) < 2:
        raise ComparisonError(f"only {methods[0].name!r} is named: give two runs or more")
    name, times = Counter(method.name for method in methods).most_common(1)[0]
    if times > 1:
        raise ComparisonError(f"{times} runs are called {name!r}: name them, as in NAME=RUN")
    return methods


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m callbacks.report",
        description="Work with the reports of test runs.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", dest="command", required=True)
    command = commands.add_parser(
        "compare",
        help="set test runs side by side",
        description="Set test runs side by side: differences to the first one, with paired\n"
        "bootstrap intervals and the smallest difference that this data could detect.",
        epilog=_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="folder of a run that was tested, or NAME=RUN,RUN,... for runs of one method that "
        "differ in the seed only; the first is the baseline",
    )
    command.add_argument(
        "--groups",
        metavar="WHAT",
        help="draw whole groups instead of images: subset, class, or a regular expression on the "
        "id (path below the masks, without suffix) whose first group names the unit",
    )
    command.add_argument(
        "--common",
        action="store_true",
        help="compare the images that all runs have, where some have more",
    )
    command.add_argument(
        "--draws",
        type=_num_draws,
        default=NUM_DRAWS,
        metavar="N",
        help=f"draws of the bootstrap (default {NUM_DRAWS})",
    )
    command.add_argument(
        "--out",
        type=Path,
        default=OUT,
        metavar="FOLDER",
        help=f"where {PAGE}, compare.json and the plots go (default {OUT})",
    )
    return parser


def _num_draws(text: str) -> int:
    if not text.isdecimal() or int(text) < MIN_DRAWS:
        raise ArgumentTypeError(f"must be a whole number of at least {MIN_DRAWS}, got {text!r}")
    return int(text)
