"""The metrics of semantic segmentation as one torchmetrics class.

Letters: H, W size of a truth; C number of labels, background included.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from metrics.confusion import class_accuracy, class_iou, confusion_matrix, pixel_accuracy
from metrics.label_bands import band_overlap


class SemanticMetrics(Metric):
    """mIoU, pixel accuracy and boundary IoU over the pixels of a whole set.

    All states are integer sums, so neither the order of the images nor the number of processes
    changes a digit. mIoU is that of mmsegmentation: intersections and unions are summed over the
    set, and classes that neither truth nor predictions have are left out of the mean.

    Args:
        num_labels: C.
        dilation_ratio: Width of the bands of the boundary IoU, in diagonals; 0 leaves it out.
        has_background: Whether label 0 is a class. If not it is never true and stays out of all
            means of classes; a pixel that has it was given no class, which its own misses.

    Raises:
        ValueError: If there are fewer than two labels or more than a byte holds beside void.

    Example:
        >>> metrics = SemanticMetrics(3)
        >>> truth = torch.tensor([[1, 1, 2, 255]], dtype=torch.uint8)
        >>> metrics.update([torch.tensor([[1, 2, 2, 0]], dtype=torch.uint8)], [truth])
        >>> {key: round(float(value), 3) for key, value in metrics.compute().items()}
        {'mean_iou': 0.5, 'pixel_accuracy': 0.667, 'mean_accuracy': 0.75, 'mean_boundary_iou': 0.5}
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = True

    confusion: Tensor
    bands_both: Tensor
    bands_either: Tensor
    num_images: Tensor

    def __init__(
        self, num_labels: int, *, dilation_ratio: float = 0.02, has_background: bool = True
    ) -> None:
        super().__init__()
        if not 2 <= num_labels <= 255:
            raise ValueError(
                f"{num_labels} labels: a label map holds 2 to 255, background included and void "
                "apart"
            )
        self.num_labels = num_labels
        self.dilation_ratio = dilation_ratio
        self.has_background = has_background
        shapes = {
            "confusion": (num_labels, num_labels),
            "bands_both": (num_labels,),
            "bands_either": (num_labels,),
            "num_images": (num_labels,),
        }
        for name, shape in shapes.items():
            self.add_state(name, torch.zeros(shape, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, found: Sequence[Tensor] | Tensor, truths: Sequence[Tensor] | Tensor) -> None:
        """Count the pixels of a batch, each image at the size of its own truth.

        Args:
            found: ``(H, W)`` integers in [0, C) each, or all as ``(B, H, W)``.
            truths: ``(H, W)`` uint8 in [0, C) or 255 (void) each, or ``(B, H, W)``.

        Raises:
            ValueError: If the lists differ in length, a map and its truth in size, or a label is
                not among the C.
        """
        for of_image, truth in zip(found, truths, strict=True):
            self._count(of_image, truth)

    def compute(self) -> dict[str, Tensor]:
        """Return the means as ``()`` float64: `mean_iou`, `pixel_accuracy` and others; NaN empty.

        Those per class come from `per_class`.
        """
        means = {
            "mean_iou": self._iou().nanmean(),
            "pixel_accuracy": pixel_accuracy(self.confusion),
            "mean_accuracy": class_accuracy(self.confusion).nanmean(),
        }
        if self.dilation_ratio:
            means["mean_boundary_iou"] = self._boundary_iou().nanmean()
        return means

    def per_class(self) -> dict[str, Tensor]:
        """Return ``(C,)`` of what this process counted, or of all after `sync`.

        `iou`, `accuracy` and `boundary_iou` are float64, NaN where a class does not occur;
        `num_images` int64: how many truths have the class.
        """
        values = {
            "iou": self._iou(),
            "accuracy": class_accuracy(self.confusion),
            "num_images": self.num_images,
        }
        return values | ({"boundary_iou": self._boundary_iou()} if self.dilation_ratio else {})

    def _iou(self) -> Tensor:
        return self._of_classes(class_iou(self.confusion))

    def _boundary_iou(self) -> Tensor:
        return self._of_classes(self.bands_both.double() / self.bands_either.double())

    def _of_classes(self, values: Tensor) -> Tensor:
        if not self.has_background:
            values[0] = torch.nan
        return values

    def _count(self, found: Tensor, truth: Tensor) -> None:
        confusion = confusion_matrix(found, truth.to(found.device), num_labels=self.num_labels)
        self.confusion += confusion.to(self.confusion.device)
        self.num_images += (confusion.sum(1) > 0).to(self.num_images)
        if not self.dilation_ratio:
            return
        both, either = band_overlap(
            found.to("cpu", torch.uint8).numpy(),
            truth.to("cpu", torch.uint8).numpy(),
            num_labels=self.num_labels,
            dilation_ratio=self.dilation_ratio,
        )
        self.bands_both += torch.from_numpy(both).to(self.bands_both.device)
        self.bands_either += torch.from_numpy(either).to(self.bands_either.device)


def mean_of_frequent(values: Tensor, num_images: Tensor, *, least: int = 10) -> Tensor:
    """Return the mean over classes that enough test images have, ``()`` float64; NaN without any.

    A class of three photos says more about them than about a model. Background, which nearly every
    photo has, is no class: beside few frequent ones it would be much of their mean.

    Args:
        values: ``(C,)`` float64 of `SemanticMetrics.per_class`, background first.
        num_images: ``(C,)`` int64 of the same.
        least: Images that a class needs.
    """
    return values[1:][num_images[1:] >= least].nanmean()
