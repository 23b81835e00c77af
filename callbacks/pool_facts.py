"""What a run had of its pools: how much it asked for, how much it got, and how often the same."""

from dataclasses import dataclass

import numpy as np

from datamodules.mixture_views import MixtureViews
from datamodules.pool_pairs import PoolPairs

_MOST_SIZES = 100  # a generator may publish thousands of shards


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFacts:
    """Of one pool, up to some step of a run."""

    root: str
    num_asked: int
    """Training samples that were to come from it."""
    num_had: int
    """Those that did; real pairs took the place of the others."""
    share_asked: float
    """Of all training samples, in [0, 1]."""
    share_had: float
    num_pairs: int
    """That could be drawn at the end."""
    num_drawn: int
    """Different pairs that were drawn."""
    mean_echo: float
    """How often one of those was drawn; 0 without any."""
    max_echo: int
    sizes: tuple[tuple[int, int], ...]
    """(step, number of pairs that could be drawn from there on), of at most 100 changes."""


def pool_facts(views: MixtureViews, num_slots: int) -> list[PoolFacts]:
    """Return the facts of each pool of a mixture after so many slots."""
    return [_facts(pairs, num_slots, views.batch_size) for pairs in views.pools]


def _facts(pairs: PoolPairs, num_slots: int, batch_size: int) -> PoolFacts:
    log = pairs.log
    log.read()
    drawn = log.drawn(num_slots)
    echo = np.bincount(drawn[drawn >= 0])
    echo = echo[echo > 0]
    sizes = [(slot // batch_size, number) for slot, number in log.growth if slot < num_slots]
    places = np.linspace(0, len(sizes) - 1, min(len(sizes), _MOST_SIZES)).astype(int)
    return PoolFacts(
        root=str(pairs.root),
        num_asked=len(drawn),
        num_had=int(echo.sum()),
        share_asked=len(drawn) / max(1, num_slots),
        share_had=int(echo.sum()) / max(1, num_slots),
        num_pairs=sizes[-1][1] if sizes else 0,
        num_drawn=len(echo),
        mean_echo=float(echo.mean()) if len(echo) else 0.0,
        max_echo=int(echo.max(initial=0)),
        sizes=tuple(sizes[place] for place in places),
    )
