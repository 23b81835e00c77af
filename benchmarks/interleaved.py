"""Times of several ways to do the same, taken in turn: what befalls the machine befalls all."""

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

import torch


def interleaved(
    arms: Mapping[str, Callable[[], object]],
    *,
    device: torch.device,
    repeats: int = 5,
    warm_up: int = 1,
) -> dict[str, list[float]]:
    """Return the seconds of each arm and repeat: A, B, C, A, B, C.

    On the CPU they are the processor's, of all threads, which other work on the machine changes
    little; on a GPU those of the clock, from idle to idle.

    Args:
        arms: What to do, by name.
        device: Where they do it.
        repeats: That are timed.
        warm_up: Calls of each arm before.
    """
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    for call in arms.values():
        for _ in range(warm_up):
            call()
    found: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(repeats):
        for name, call in arms.items():
            _wait(device)
            start = clock()
            call()
            _wait(device)
            found[name].append(clock() - start)
    return found


def spread(values: Sequence[float], form: str) -> str:
    """Return the median and the range as text.

    Example:
        >>> spread([1.0, 3.0, 2.0], ".1f")
        '2.0 (1.0-3.0)'
    """
    middle, low, high = (format(f(values), form) for f in (median, min, max))
    return f"{middle} ({low}-{high})"


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
