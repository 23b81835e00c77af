"""Seeds as functions of what they belong to, never of rank, worker or time."""

from hashlib import blake2b

import torch


def seed_for(root: int, *parts: str | int) -> int:
    """Return a 63-bit seed from the run's root seed and what the randomness belongs to.

    Args:
        root: Seed of the run.
        parts: For generated pixels the sample id; for an augmentation or a draw also the global
            slot. The order counts.

    Returns:
        The same integer in [0, 2**63) on every machine.

    Example:
        >>> seed_for(0, "chair-1") == seed_for(0, "chair-1")
        True
        >>> seed_for(0, "chair-1", 5) == seed_for(0, "chair-1", 6)
        False
    """
    text = "/".join(str(part) for part in (root, *parts))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def generator_for(root: int, *parts: str | int) -> torch.Generator:
    """Return a CPU generator seeded by `seed_for`: the same noise on every device."""
    return torch.Generator().manual_seed(seed_for(root, *parts))
