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

from metrics.confusion import VOID


class ThresholdSweep(Metric):
    """mIoU at every threshold of a grid, from one pass.

    The pixels are counted by the interval that their best score falls into, so that all
    thresholds together cost what one does, and label by label, so that a vocabulary of thousands
    fits. Counts are integers: any number of processes gives the same result.

    Args:
        num_labels: C, background included.
        num_thresholds: T, spread evenly over [`low`, `high`].
        low: Lowest threshold.
        high: Highest threshold.
        void: Label of pixels that do not count; one outside [0, C).

    Raises:
        ValueError: If there are fewer than two thresholds, `high` is not above `low`, or `void` is
            one of the labels.
    """

    full_state_update = False
    is_differentiable = False

    counts: Tensor

    def __init__(
        self,
        num_labels: int,
        *,
        num_thresholds: int = 101,
        low: float = 0.0,
        high: float = 1.0,
        void: int = VOID,
    ) -> None:
        super().__init__()
        if num_thresholds < 2 or not low < high:
            raise ValueError(
                f"{num_thresholds} thresholds from {low} to {high}: give two or more, upwards"
            )
        if 0 <= void < num_labels:
            raise ValueError(f"void {void} is one of {num_labels} labels: give another, such as -1")
        self.num_labels = num_labels
        self.thresholds = torch.linspace(low, high, num_thresholds)
        self.void = void
        # pixels by true label, by best label, and by label where both are one
        shape = (3, num_thresholds + 1, num_labels)
        self.add_state("counts", torch.zeros(shape, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, best: Tensor, label: Tensor, truth: Tensor) -> None:
        """Count the pixels of an image.

        Args:
            best: ``(H, W)`` float, the best score of a class.
            label: ``(H, W)`` integers in [0, C), the class that has it; 0 is background whatever
                its score.
            truth: ``(H, W)`` integers in [0, C), or `void`.

        Raises:
            ValueError: If a label is not among the C.
        """
        truth = truth.to(best.device)
        counts = truth != self.void
        true, found = truth[counts].long(), label[counts].long()
        for name, labels in (("truth", true), ("label", found)):
            if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < self.num_labels:
                wrong = int(labels.min()) if int(labels.min()) < 0 else int(labels.max())
                raise ValueError(
                    f"{name} holds {wrong}, but there are {self.num_labels} labels (0 to "
                    f"{self.num_labels - 1}): give the data set and the metric one list of names"
                )
        # a pixel is background at every threshold from its score on
        first = torch.bucketize(best[counts], self.thresholds.to(best)) * self.num_labels
        both = true == found
        for total, cells in zip(
            self.counts, (first + true, first + found, (first + true)[both]), strict=True
        ):
            new = torch.bincount(cells, minlength=total.numel())
            total += new.view_as(total).to(total.device)

    def compute(self) -> dict[str, Tensor]:
        """Return `threshold`, the best one (the lowest of equals), `mean_iou` there, and `curve`.

        `curve` is ``(T,)`` float64, the mIoU at each of `thresholds`: the mean over the labels
        that truth or predictions have, as of `metrics.confusion.class_iou`. All are NaN, and the
        threshold the lowest, before anything was counted.
        """
        curve = self._iou().nanmean(1)
        best = int(curve.nan_to_num(nan=-1.0).argmax())
        return {
            "threshold": self.thresholds[best].to(self.counts.device),
            "mean_iou": curve[best],
            "curve": curve,
        }

    def _iou(self) -> Tensor:
        """Return intersection over union, ``(T, C)`` float64; NaN where a label is nowhere."""
        rejected = self.counts.cumsum(1)[:, :-1]
        total = self.counts.sum(1, keepdim=True)
        _, found, both = total - rejected
        found[:, 0] += rejected[1].sum(1)
        both[:, 0] += rejected[0, :, 0]
        return both.double() / (total[0] + found - both).double()
