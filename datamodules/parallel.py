"""Work that runs in threads: decoding and encoding release Python's lock."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rich.progress import track

from datamodules.cores import allowed_cores

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_threads(
    function: Callable[[Item], Result], items: Sequence[Item], *, title: str, progress: bool
) -> list[Result]:
    """Return ``[function(item) for item in items]``, computed on all cores it may use.

    Args:
        function: Called from several threads at once.
        items: Its arguments.
        title: Shown before the progress bar.
        progress: Whether to show one.

    Raises:
        Exception: The first that `function` raises, in the order of `items`.
    """
    with ThreadPoolExecutor(max_workers=allowed_cores()) as pool:
        results = pool.map(function, items)
        return list(track(results, title, total=len(items), disable=not progress))
