"""What a part of `benchmarks.gpu` is given and what it returns."""

from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Site:
    """Where a part runs."""

    device: torch.device
    is_smoke: bool
    """Tiny networks and few repeats: to see that it runs, not how fast."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A line of the table."""

    name: str
    unit: str
    values: tuple[float, ...]
    """One for each repeat."""
    remark: str = ""


Part = Callable[[Site], list[Measured]]
