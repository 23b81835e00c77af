"""``python -m train demo``: a page in the browser to try a checkpoint on photos."""

import argparse
from importlib.util import find_spec
from pathlib import Path

from train.cli import USER_ERRORS, fail, note
from train.cut_out import CutOut
from train.errors import one_line
from train.quiet import ignore_expected_warnings


def main(args: list[str] | None = None) -> None:
    """Serve the page until Ctrl-C.

    Args:
        args: What follows ``demo`` on the command line; None takes ``sys.argv``.

    Raises:
        SystemExit: With 2 and one line on stderr, if the checkpoint is none, the port is taken, or
            gradio is not installed.
    """
    options = _parser().parse_args(args)
    ignore_expected_warnings()
    if find_spec("gradio") is None:
        fail("the demo needs gradio: .venv/bin/python -m pip install gradio")
    try:
        cut_out = CutOut(options.ckpt_path, options.size, finer=options.finer)
        from train.demo_page import demo_page, serve  # an extra, see pyproject.toml

        page = demo_page(cut_out, title=f"`{options.ckpt_path.name}` at {_sides(cut_out)} px")
        serve(page, options.host, options.port, ready=note)
    except USER_ERRORS as error:
        fail(one_line(str(error)))


def _sides(cut_out: CutOut) -> str:
    assert cut_out.size is not None
    return " x ".join(str(side) for side in cut_out.size)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m train demo",
        description="Serve a page to try a network: a photo in, its cut-out to look at and to "
        "download. Nothing leaves this machine.",
    )
    parser.add_argument("--ckpt_path", type=Path, required=True, help="checkpoint of a run")
    parser.add_argument(
        "--size",
        type=int,
        help="height and width that the network sees; without "
        "it those that the checkpoint was trained at",
    )
    parser.add_argument(
        "--finer",
        type=float,
        help="look at larger photos once more in tiles, so many times finer; 2 for example",
    )
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines in")
    parser.add_argument("--port", type=int, default=7860)
    return parser
