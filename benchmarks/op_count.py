"""What a call asks of the device: operations dispatched, floating-point operations, graphs."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True, slots=True)
class Work:
    """Of one call."""

    operations: int
    """Kernels at most: views are counted as well."""
    gigaflops: float
    """Of products and convolutions, two for each multiplication."""


def work_of(call: Callable[[], object]) -> Work:
    """Return what a call asks for; it is made twice, and must not be compiled."""
    counter = _Operations()
    with counter:
        call()
    with FlopCounterMode(display=False) as flops:
        call()
    return Work(counter.count, flops.get_total_flops() / 1e9)


def graphs_of(call: Callable[[], object]) -> int:
    """Return how many graphs are compiled in a call."""
    statistics = torch._dynamo.utils.counters["stats"]
    before = statistics["unique_graphs"]
    call()
    return statistics["unique_graphs"] - before


class _Operations(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204
        self.count += 1
        return func(*args, **(kwargs or {}))
