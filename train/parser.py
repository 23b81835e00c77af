"""The parser of the command line: one-line errors, and null for what lies deep."""

import argparse
from ast import literal_eval
from collections.abc import Sequence
from typing import Any, NoReturn

import yaml
from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser

from train.commands import WITHOUT_TRAINER


class UsageError(SystemExit):
    """What the parser objects to; no `Exception`, which jsonargparse would catch."""

    def __init__(self, message: str, known: Sequence[str] = ()) -> None:
        super().__init__(2)
        self.message = message
        self.known = known
        """Keys that stand where the one at fault does."""


class OneLineParser(LightningArgumentParser):
    """Answers a mistake with one line, not with the usage of four hundred flags."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, allow_abbrev=False, **kwargs)  # a typo is no abbreviation

    def parse_args(  # type: ignore[override]  # as jsonargparse's own
        self, args: Sequence[str] | None = None, *rest: Any, **kwargs: Any
    ) -> Namespace:
        """Parse a command line, or the one flag that a class within a class is given.

        jsonargparse 4.53 hands such a value on as Python prints it: ``None`` for null, which the
        inner class would take for a text.
        """
        if args is not None and len(args) == 1:  # a command line begins with a command
            args = [_as_yaml(args[0])]
        found: Namespace = super().parse_args(args, *rest, **kwargs)
        return found

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Leave with the message, for `main` to print."""
        parser: argparse.ArgumentParser = getattr(ex, "subcommand_parser", None) or self
        raise UsageError(message, [action.dest for action in parser._actions]) from ex


def description() -> str:
    """Return what ``--help`` says first."""
    others = "; ".join(f"{name}: {what}" for name, what in WITHOUT_TRAINER.items())
    return (
        "Make training data for segmentation, and train on it. Of what a run has left, with "
        f"--help of their own: {others}."
    )


def _as_yaml(argument: str) -> str:
    flag, _, text = argument.partition("=")
    try:
        value = literal_eval(text)
    except (ValueError, SyntaxError):  # any other text
        return argument
    if value is None:
        return f"{flag}=null"
    if not isinstance(value, dict | list):
        return argument
    return f"{flag}={yaml.safe_dump(value, default_flow_style=True, width=float('inf')).strip()}"
