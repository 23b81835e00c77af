"""What a part of `benchmarks.gpu` is given and what it returns."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Site:
    """Where a part runs."""

    device: torch.device
    is_smoke: bool
    """Tiny networks and few repeats: to see that it runs, not how fast."""
    photos: Path | None = None
    """Set in the DIS5K layout, for parts that score what they train. None: procedural scenes."""
    out: Path = RESULTS
    """Where results go."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A line of the table."""

    name: str
    unit: str
    values: tuple[float, ...]
    """One for each repeat."""
    remark: str = ""


Part = Callable[[Site], list[Measured]]
