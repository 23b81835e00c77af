"""The recipe of a mixture of real and synthetic training pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

from datamodules.mixture_ready import ReadyPairs
from datamodules.mixture_share import Share
from datamodules.mixture_weighting import Weighting
from datamodules.pool import Pool
from datamodules.synthesis import PairSynthesis
from datamodules.synthetic import GeneratedSet


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Which training slots hold a synthetic pair, and where it comes from.

    Args:
        share: Expected share of synthetic pairs over the progress of training.
        synthesis: Makes pairs on the fly, from training pairs alone. None: only ready pairs.
        ready: Folders of ready pairs; on-the-fly synthesis has weight 1 beside theirs.
        sets: Sets that ``predict`` has made, with weights as those of `ready`.
        pools: Sets that ``predict`` is making, with weights as those of `ready`. What a pool has
            not, real pairs make up for.
        real_only: Last part of training, in [0, 1), that sees real pairs alone; the curve of
            `share` is run through before it.
        weighting: Which training pairs are drawn more often, as they are or as the source of a
            synthetic pair. None: each once in an epoch.

    Raises:
        ValueError: If there is no source of synthetic pairs, or `real_only` is out of its range.
    """

    share: Share
    synthesis: PairSynthesis | None = None
    ready: Sequence[ReadyPairs] = ()
    sets: Sequence[GeneratedSet] = ()
    pools: Sequence[Pool] = ()
    real_only: float = 0.0
    weighting: Weighting | None = None

    def __post_init__(self) -> None:
        if self.synthesis is None and not (self.ready or self.sets or self.pools):
            raise ValueError(
                "mixture: give synthesis, folders of ready pairs, generated sets, or pools"
            )
        if not 0 <= self.real_only < 1:
            raise ValueError(f"mixture: real_only {self.real_only} must be in [0, 1)")

    @property
    def needs_length(self) -> bool:
        """Whether the share at a batch depends on how many batches there are."""
        return self.share.needs_length or self.real_only > 0

    def share_at(self, progress: float) -> float:
        """Return the expected share of synthetic pairs at a progress of training in [0, 1]."""
        before_tail = 1 - self.real_only
        if self.real_only and progress >= before_tail:
            return 0.0
        return self.share(progress / before_tail)
