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
    official: Path | None = None
    """Checkouts of published networks, see `benchmarks.dis_official`."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A line of the table."""

    name: str
    unit: str
    values: tuple[float, ...]
    """One for each repeat."""
    remark: str = ""
    peak_gib: float | None = None
    """Most memory of the GPU that tensors of this arm held. None: not measured, or not on one."""


def gpu_bytes(device: torch.device) -> int:
    """Return what tensors hold of a GPU's memory now, and forget the peak; 0 for a processor."""
    if device.type != "cuda":
        return 0
    torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.memory_allocated(device)


def peak_gib(device: torch.device, before: int) -> float | None:
    """Return the peak since `gpu_bytes` above what tensors held before; None for a processor."""
    if device.type != "cuda":
        return None
    return round((torch.cuda.max_memory_allocated(device) - before) / 2**30, 2)


Part = Callable[[Site], list[Measured]]
