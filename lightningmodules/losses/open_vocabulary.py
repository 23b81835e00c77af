"""Losses of the masks of named classes: focal over all of them, Dice over those in the image.

As ZegCLIP's code has them (Zhou et al., CVPR 2023, MIT): both are sums over images and classes,
divided by M, the number of masks that are in the batch, at least 1 (in training the mean over the
processes).
Letters: B images; K classes of each; H, W the mask's size; h, w that of the logits; p the sigmoid
of a logit; t its target, 0 or 1; m the pixel's weight; sums are over pixels.
"""

from typing import NamedTuple

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F

# what is divided by at least; below any sum of weights that is not 0
_TINY = 1e-12


class ClassMasks(NamedTuple):
    """What the logits of K classes are compared with."""

    labels: Tensor
    """``(B, H, W)`` long, place of the class among the K; -1 is none of them."""
    weight: Tensor
    """``(B, 1, H, W)`` float in [0, 1], how far each pixel counts."""
    is_void: Tensor
    """``(B, H, W)`` bool, pixels that nobody knows."""


def focal(
    logits: Tensor, target: Tensor, weight: Tensor, *, alpha: float = 0.25, gamma: float = 2.0
) -> Tensor:
    """Return the focal loss of each map, ``(B, K)``: ``sum m f / sum m``.

    ``f = a (1 - q)^gamma (-log q)`` with ``q = p, a = alpha`` where t is 1, and ``q = 1 - p,
    a = 1 - alpha`` elsewhere: Lin et al., "Focal loss for dense object detection", ICCV 2017. 0 for
    an image whose weight is 0 everywhere.

    Args:
        logits: ``(B, K, H, W)`` float.
        target: ``(B, K, H, W)`` bool.
        weight: ``(B, 1, H, W)`` float.
        alpha: Share of the positives.
        gamma: 0 is the cross-entropy.
    """
    wrong = torch.where(target, -logits, logits)
    share = torch.where(target, alpha, 1 - alpha)
    losses = share * wrong.sigmoid() ** gamma * F.softplus(wrong)
    return (weight * losses).sum((2, 3)) / weight.sum((2, 3)).clamp_min(_TINY)


def dice(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return the soft Dice loss of each map, ``1 - (2 sum m p t + 1) / (sum m p + sum m t + 1)``.

    Args:
        logits: ``(B, K, H, W)`` float.
        target: ``(B, K, H, W)`` bool.
        weight: ``(B, 1, H, W)`` float.
    """
    p = weight * logits.sigmoid()
    both = (p * target).sum((2, 3))
    areas = p.sum((2, 3)) + (weight * target).sum((2, 3))
    return 1 - (2 * both + 1) / (areas + 1)


def classes_there(labels: Tensor, weight: Tensor, num_classes: int) -> Tensor:
    """Return whether any pixel that counts is of each class, ``(B, K)`` bool.

    Args:
        labels: ``(B, H, W)`` long in [-1, K).
        weight: ``(B, 1, H, W)`` float; pixels of weight 0 do not count.
        num_classes: K.
    """
    # class -1 comes first and is cut off
    counted = torch.where(weight[:, 0] > 0, labels, -1) + 1
    there = torch.zeros(len(labels), num_classes + 1, dtype=torch.bool, device=labels.device)
    return there.scatter(1, counted.flatten(1), True)[:, 1:]


def number_of_masks(is_there: Tensor, *, of_all_processes: bool) -> Tensor:
    """Return M, a scalar float, at least 1.

    Args:
        is_there: ``(B, K)`` bool, the masks that are in this process' batch.
        of_all_processes: Whether M is the mean over the processes, as gradients that are averaged
            over them need it. Each must then call this equally often.
    """
    number = is_there.sum().float()
    if of_all_processes and distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(number)
        number = number / distributed.get_world_size()
    return number.clamp_min(1)


class MaskMatching(nn.Module):
    """``focal_weight`` x focal + ``dice_weight`` x Dice, against background as negative.

    A pixel of no drawn class is a negative of all; doubt is the pixel's weight. In training
    (`train`), M is that of all processes. In evaluation (`eval`) it is the process' own: there,
    processes have different numbers of batches, and would wait for each other for ever.

    Args:
        focal_weight: Factor of the focal term.
        dice_weight: Factor of the Dice term.
        void_is_negative: Whether void pixels are negatives, as in the published code, rather than
            none of anyone's business.
    """

    def __init__(
        self,
        focal_weight: float = 100.0,
        dice_weight: float = 1.0,
        *,
        void_is_negative: bool = False,
    ) -> None:
        super().__init__()
        self.focal_weight = focal_weight
        self.dice_weight = dice_weight
        self.void_is_negative = void_is_negative

    def forward(self, logits: Tensor, masks: ClassMasks) -> dict[str, Tensor]:
        """Return the terms ``focal`` and ``dice``, weighted scalars.

        Args:
            logits: ``(B, K, h, w)`` float, enlarged to the mask's size (bilinear).
            masks: Of the K classes.
        """
        size = masks.labels.shape[-2:]
        logits = F.interpolate(logits.float(), size, mode="bilinear", align_corners=False)
        weight = masks.weight if self.void_is_negative else masks.weight * ~masks.is_void[:, None]
        classes = torch.arange(logits.shape[1], device=logits.device)[:, None, None]
        target = masks.labels[:, None] == classes
        is_there = classes_there(masks.labels, weight, logits.shape[1])
        number = number_of_masks(is_there, of_all_processes=self.training)
        of_masks = torch.where(is_there, dice(logits, target, weight), 0.0)
        return {
            "focal": self.focal_weight * focal(logits, target, weight).sum() / number,
            "dice": self.dice_weight * of_masks.sum() / number,
        }
