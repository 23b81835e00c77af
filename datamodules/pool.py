"""A folder that ``predict`` fills while training draws from it."""

from dataclasses import dataclass

from datamodules.mixture_member import MixtureMember


@dataclass(frozen=True, kw_only=True)
class Pool(MixtureMember):
    """A growing set of shards as a member of a mixture.

    Training never waits for it: a slot for which it has no pair left holds the real one. So the
    share of synthetic pairs falls where the generator is too slow, and training goes on where it
    has died. The folder may be empty, or not there yet, when training begins.

    Args:
        root: Folder that ``predict`` fills; on a disk that all processes share.
        weight: How often its pairs are drawn, relative to 1 for pairs made on the fly.
        max_echo: How often one pair is drawn at most.
        every: Batches between two looks into the folder. A pair is drawn `every` to twice as many
            batches after its shard was seen, by which time all processes know of it; and no more
            as long after a ``rejected*.txt`` that names it was seen.
        patience: Seconds without a new shard until a warning.

    Raises:
        ValueError: If `weight` is not above 0, or `max_echo` or `every` below 1.
    """

    max_echo: int = 8
    every: int = 64
    patience: float = 1800.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in (("max_echo", self.max_echo), ("every", self.every)):
            if value < 1:
                raise ValueError(f"pool {self.root}: {name} {value} must be 1 or more")
