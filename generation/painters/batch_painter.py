"""What a painter is that runs on the device: it finishes a batch of drafts."""

from collections.abc import Sequence
from typing import Protocol

from datamodules.generation_result import Rejected
from datamodules.sample import Sample


class BatchPainter(Protocol):
    """Paints images for the masks of drafts, a batch at a time.

    A ``torch.nn.Module`` is moved to the device by the module that holds it. Batches are fixed by
    the plan, so that kernels whose last bits depend on the batch give the same pixels again.
    """

    def paint(self, drafts: Sequence[Sample], seeds: Sequence[int]) -> Sequence[Sample | Rejected]:
        """Return the finished pairs, in the order of the drafts; of one that cannot be, why.

        Args:
            drafts: Their masks are final; images, prompts and edits are what there is to go by.
            seeds: Of the noise of each.

        Returns:
            Pairs on the CPU with the drafts' ids; provenance names this painter among the edits and
            its networks with their revisions among the models.
        """
        ...
