"""``python -m train export``: a generated set or a network, for other programs to read."""

import argparse
import sys
from pathlib import Path

from callbacks.export_layouts import Dis5kFolders, HuggingFaceFolder, Layout, WebDatasetTars
from callbacks.set_export import Rights, export_set
from generation.scenes.credits import CREDITS
from train.cli import USER_ERRORS, fail, note

_ALL: tuple[Layout, ...] = (Dis5kFolders(), WebDatasetTars(), HuggingFaceFolder())
LAYOUTS = {layout.name: layout for layout in _ALL}
_NETWORK_FLAGS = ("--config", "-c", "--ckpt_path", "--model")
_USAGE = f"""python -m train export FOLDER OUT --to {{{",".join(LAYOUTS)}}} [options]
       python -m train export [--config FILE ...] [--ckpt_path FILE] --to onnx [options]"""
_OF_NETWORK = """a network as ONNX, compared with PyTorch (1e-3) before the file appears:
  --ckpt_path FILE      checkpoint; it remembers the network
  --config FILE         configuration, where there is no checkpoint or another network is meant
  --model.net.weights FILE
                        weights alone; any argument of the model can be given like this
  --out FILE            default: beside the checkpoint, with the suffix .onnx
  --size N or [H,W]     of the photos in pixels; default: any, where the network takes any"""


def main(args: list[str] | None = None) -> None:
    """Export a set or a network, and say on stderr where it is.

    Args:
        args: What follows ``export`` on the command line; None takes ``sys.argv``.

    Raises:
        SystemExit: With 2 and one line on stderr, if the set may not be given on, or either cannot
            be written.
    """
    args = sys.argv[2:] if args is None else args
    if {"-h", "--help"} & set(args):
        args = ["--help"]  # of both forms, whatever stands beside it
    of_network = _of_network(args)
    if of_network is not None:
        from train import network_export  # takes seconds, and a set needs none of it

        network_export.main(of_network)
        return
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


def _of_network(args: list[str]) -> list[str] | None:
    """Return the arguments less ``--to onnx`` where they name a network, else None."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--to")
    options, others = parser.parse_known_args(args)
    names_network = any(other.startswith(_NETWORK_FLAGS) for other in others)
    if options.to == "onnx" or (options.to is None and names_network):
        return others
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m train export",
        usage=_USAGE,
        description="Write the pairs of a set that no rejected*.txt names in a layout of other\n"
        "programs, with a card. Stopped, the same command goes on. Or write a network, see below.",
        epilog=_OF_NETWORK,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
