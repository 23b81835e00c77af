"""How many processor cores a process may keep busy."""

import os


def allowed_cores() -> int:
    """Return the number of cores that this process may use; the machine may have more."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def own_cores(num_local: int) -> int:
    """Return this process's share of the cores.

    Where a launcher such as SLURM has bound it to some of the machine's, these are its share.

    Args:
        num_local: Processes of this run on this machine, itself included.
    """
    allowed = allowed_cores()
    return allowed if allowed < (os.cpu_count() or 1) else max(1, allowed // num_local)
