"""Confusion matrices of label maps, and what follows from one.

Letters: H, W size of a map; C number of labels, background included.
"""

import torch
from torch import Tensor

VOID = 255
"""Label of pixels that do not count."""


def confusion_matrix(found: Tensor, truth: Tensor, *, num_labels: int) -> Tensor:
    """Count how often each label was found where each label is true; void pixels are left out.

    Args:
        found: ``(H, W)`` integers in [0, C).
        truth: ``(H, W)`` integers in [0, C) or `VOID`.
        num_labels: C.

    Returns:
        ``(C, C)`` int64, rows by truth, columns by what was found.

    Raises:
        ValueError: If the shapes differ, or a label is not among the C.
    """
    if found.shape != truth.shape:
        raise ValueError(
            f"found and truth must be of one size, got {tuple(found.shape)} and "
            f"{tuple(truth.shape)}: resize the prediction to the truth, never the truth"
        )
    counts = truth != VOID
    rows, columns = truth[counts].long(), found[counts].long()
    for name, labels in (("truth", rows), ("found", columns)):
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < num_labels:
            raise ValueError(
                f"{name} holds label {int(labels.max())}, but there are {num_labels} labels "
                f"(0 to {num_labels - 1}): give the data set and the metric one list of names"
            )
    cells = torch.bincount(rows * num_labels + columns, minlength=num_labels**2)
    return cells.view(num_labels, num_labels)


def class_iou(confusion: Tensor) -> Tensor:
    """Return intersection over union of each label, ``(C,)`` float64.

    NaN for a label that neither truth nor predictions have, so that a mean over the others is the
    mIoU of mmsegmentation. A label that was found where it never is scores 0.

    Args:
        confusion: ``(C, C)``, see `confusion_matrix`.
    """
    both = confusion.diagonal().double()
    return both / (confusion.sum(0) + confusion.sum(1) - confusion.diagonal()).double()


def class_accuracy(confusion: Tensor) -> Tensor:
    """Return which share of each label's true pixels was found, ``(C,)`` float64; NaN without any.

    Args:
        confusion: ``(C, C)``, see `confusion_matrix`.
    """
    return confusion.diagonal().double() / confusion.sum(1).double()


def pixel_accuracy(confusion: Tensor) -> Tensor:
    """Return which share of all pixels is labelled rightly, ``()`` float64; NaN without any.

    Args:
        confusion: ``(C, C)``, see `confusion_matrix`.
    """
    return confusion.diagonal().sum().double() / confusion.sum().double()
