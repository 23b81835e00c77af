"""What torchmetrics makes of the states of two processes, without starting any."""

from collections.abc import Sequence

from torch import Tensor
from torchmetrics import Metric


def synchronise(first: Metric, second: Metric, states: Sequence[str]) -> None:
    """Bring `first` to where it is after it has met `second`, by the reductions it was built with.

    Args:
        first: What the first process counted.
        second: What the second one did.
        states: All of the metric's, in the order that it was given them.
    """
    others = iter([getattr(second, name) for name in states])

    def gather(own: Tensor, group: object) -> list[Tensor]:
        return [own, next(others)]

    first.sync(dist_sync_fn=gather, distributed_available=lambda: True)
    assert next(others, None) is None
