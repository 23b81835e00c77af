"""Which threshold separates background best, found on training images alone.

A model of open vocabulary scores the names it is given and has no score for "none of these": a
pixel is background where its best score does not exceed a threshold. Published thresholds differ
by method and by set (.95, .35, .95 for GroupViT on VOC, Context, COCO), and one that was chosen on
the test images is a result of these. Letters: H, W size of a truth; C number of labels; T number of
thresholds.
"""

import torch
from torch import Tensor
from torchmetrics import Metric

from metrics.confusion import VOID, class_iou


class ThresholdSweep(Metric):
    """mIoU at every threshold of a grid, from one pass.

    The pixels are counted by the interval that their best score falls into, so that all
    thresholds together cost what one does. Counts are integers: any number of processes gives the
    same result.

    Args:
        num_labels: C, background included.
        num_thresholds: T, spread evenly over [`low`, `high`].
        low: Lowest threshold.
        high: Highest threshold.

    Raises:
        ValueError: If there are fewer than two thresholds or `high` is not above `low`.
    """

    full_state_update = False
    is_differentiable = False

    counts: Tensor

    def __init__(
        self, num_labels: int, *, num_thresholds: int = 101, low: float = 0.0, high: float = 1.0
    ) -> None:
        super().__init__()
        if num_thresholds < 2 or not low < high:
            raise ValueError(
                f"{num_thresholds} thresholds from {low} to {high}: give two or more, upwards"
            )
        self.num_labels = num_labels
        self.thresholds = torch.linspace(low, high, num_thresholds)
        shape = (num_thresholds + 1, num_labels, num_labels)
        self.add_state("counts", torch.zeros(shape, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, best: Tensor, label: Tensor, truth: Tensor) -> None:
        """Count the pixels of an image.

        Args:
            best: ``(H, W)`` float, the best score of a class.
            label: ``(H, W)`` integers in [1, C), the class that has it.
            truth: ``(H, W)`` uint8 in [0, C), or 255 (void).
        """
        counts = truth.to(best.device) != VOID
        # a pixel is background at every threshold from its score on
        place = torch.bucketize(best[counts], self.thresholds.to(best))
        cells = (place * self.num_labels + truth.to(best.device)[counts].long()) * self.num_labels
        found = torch.bincount(cells + label[counts].long(), minlength=self.counts.numel())
        self.counts += found.view_as(self.counts).to(self.counts.device)

    def compute(self) -> dict[str, Tensor]:
        """Return `threshold`, the best one (the lowest of equals), `mean_iou` there, and `curve`.

        `curve` is ``(T,)`` float64, the mIoU at each of `thresholds`.
        """
        curve = torch.stack([class_iou(matrix).nanmean() for matrix in self._confusions()])
        best = int(curve.nan_to_num(nan=-1.0).argmax())
        return {
            "threshold": self.thresholds[best].to(self.counts.device),
            "mean_iou": curve[best],
            "curve": curve,
        }

    def _confusions(self) -> Tensor:
        """Return ``(T, C, C)``: what `metrics.confusion.confusion_matrix` gives at each one."""
        rejected = self.counts.cumsum(0)[:-1]
        kept = self.counts.sum(0) - rejected
        kept[:, :, 0] += rejected.sum(2)
        return kept
