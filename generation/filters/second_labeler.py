"""Keep a painted pair only if another labeler than the first agrees with its mask."""

from torch import nn

from datamodules.sample import Sample
from generation.filters.filter import Judgement, Rejection
from generation.filters.mask_agreement import MaskAgreement

SCORE = "second_labeler_iou"
"""Name under which the score is kept."""


class SecondLabeler:
    """Measures the overlap of a pair's mask and what a network, made otherwise, draws on the image.

    What two labelers agree on is right more often than what either is sure of. It goes by the
    overlap alone: a labeler of another kind rarely finds the same holes. Any network that
    `generation.filters.mask_agreement.MaskAgreement` takes, and
    `generation.filters.text_segmenter.TextSegmenter`, which needs no weights of ours.

    Args:
        net: Takes a batch and returns `networks.outputs.Outputs`.
        size: Height and width of the square in pixels at which masks are compared.
        min_iou: Least intersection over union of both masks at level .5. At 0 everything is kept,
            with its score.

    Raises:
        ValueError: If a limit is out of range.
    """

    def __init__(self, net: nn.Module, *, size: int = 352, min_iou: float = 0.5) -> None:
        self._agreement = MaskAgreement(
            net, size=size, min_iou=min_iou, max_components_off=None, max_holes_off=None
        )
        self.net = net

    def __call__(self, sample: Sample) -> Rejection | None:
        """Return why the pair is rejected; None keeps it.

        Raises:
            ValueError: If the mask is of labels, or the network does not return `Outputs`.
        """
        return self.judge(sample).rejection

    def judge(self, sample: Sample) -> Judgement:
        """Return the verdict with ``second_labeler_iou``.

        Raises:
            ValueError: If the mask is of labels, or the network does not return `Outputs`.
        """
        found = self._agreement.judge(sample)
        rejection = found.rejection
        if rejection is not None:
            rejection = Rejection(type(self).__name__, rejection.reason)
        return Judgement(rejection, {SCORE: found.scores["mask_iou"]})
