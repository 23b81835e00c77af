"""A word to the user when a first run stands still, for numba compiles what it finds no copy of."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from numba.core import event

_MESSAGE = "compiling loops, once after an installation or an update: about half a minute"


@contextmanager
def compilation_announced(say: Callable[[str], None]) -> Iterator[None]:
    """Call `say` with one line when the first loop is compiled inside the block; later ones not.

    One process of a machine speaks for all.
    """
    with event.install_listener("numba:compile", _FirstCompilation(say)):
        yield


class _FirstCompilation(event.Listener):
    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.is_said = False

    def on_start(self, event: event.Event) -> None:
        is_first = multiprocessing.parent_process() is None
        if is_first and os.environ.get("LOCAL_RANK", "0") == "0" and not self.is_said:
            self.is_said = True
            self.say(_MESSAGE)

    def on_end(self, event: event.Event) -> None:
        """Nothing to be said."""
