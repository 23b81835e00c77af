"""Losses of an image and its counterfactual: the same scene without its objects.

All are scalars, means over the samples that have a counterfactual, and 0 where none has one.
Letters: B samples; K classes drawn for each; h, w patches; D length of a feature.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightningmodules.losses.open_vocabulary import focal, number_of_masks
from networks.clip_prompts import ImageFeatures


class CounterfactualPairs(NamedTuple):
    """What is known of a batch of pairs."""

    image: ImageFeatures
    counterfactual: ImageFeatures
    logits: Tensor
    """``(B, K, h, w)`` float, of the counterfactual."""
    has_counterfactual: Tensor
    """``(B,)`` bool."""
    coverage: Tensor
    """``(B, K, h, w)`` float in [0, 1], which part of a patch a class covers."""
    text: Tensor
    """``(B, K, D)`` unit vectors of the classes."""
    classes: Tensor
    """``(B, K)`` long, which class of the vocabulary each is."""
    is_there: Tensor
    """``(B, K)`` bool, the masks of the image that count: `classes_there`."""


class CounterfactualLoss(nn.Module):
    """Its forward takes `CounterfactualPairs` and returns a weighted scalar."""


class CosineContrast(CounterfactualLoss):
    """``max(0, cos(cls, cls of the counterfactual))``: MagicSeg's own (Cai et al., TPAMI 2026).

    It pushes whole images apart. Of an aligned pair, most of both is the same background.

    Args:
        weight: Factor.
    """

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, pairs: CounterfactualPairs) -> Tensor:
        """Return the scalar."""
        cosine = (pairs.image.image * pairs.counterfactual.image).sum(1)
        return self.weight * _mean(cosine.float().clamp_min(0), pairs.has_counterfactual)


class PatchContrast(CounterfactualLoss):
    """Apart where the object was, alike where it was not.

    ``mean over the object's patches of max(0, cos)`` + ``outside x mean over the others of
    1 - cos``, between the patches of image and counterfactual at one place. A patch counts by the
    share that all objects cover of it, or leave.

    Args:
        weight: Factor of all.
        outside: Factor of the second part. 0 for pairs that are not aligned.
    """

    def __init__(self, weight: float = 1.0, *, outside: float = 1.0) -> None:
        super().__init__()
        self.weight = weight
        self.outside = outside

    def forward(self, pairs: CounterfactualPairs) -> Tensor:
        """Return the scalar."""
        cosine = (pairs.image.patches * pairs.counterfactual.patches).sum(1).float()
        inside = pairs.coverage.sum(1)
        apart = _weighted(cosine.clamp_min(0), inside)
        alike = _weighted(1 - cosine, 1 - inside)
        return self.weight * _mean(apart + self.outside * alike, pairs.has_counterfactual)


class NameContrast(CounterfactualLoss):
    """InfoNCE: a name is nearer to its object than to the place without it and to other objects.

    For each class in an image, the mean of its patches is compared with its name; the negatives
    are the same patches of all counterfactuals of the batch, and the objects of other classes
    (van den Oord et al., "Representation learning with contrastive predictive coding", 2018).

    Args:
        weight: Factor.
        temperature: Cosines are divided by it.

    Raises:
        ValueError: If the temperature is not above 0.
    """

    def __init__(self, weight: float = 1.0, *, temperature: float = 0.07) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"temperature {temperature} must be above 0")
        self.weight = weight
        self.temperature = temperature

    def forward(self, pairs: CounterfactualPairs) -> Tensor:
        """Return the scalar."""
        is_there = (pairs.coverage.sum((2, 3)) > 0) & pairs.has_counterfactual[:, None]
        coverage = pairs.coverage.flatten(2)
        objects, places = (
            F.normalize(coverage @ features.patches.float().flatten(2).mT, dim=-1)[is_there]
            for features in (pairs.image, pairs.counterfactual)
        )
        classes = pairs.classes[is_there]
        if not len(classes):
            return pairs.logits.sum() * 0  # keeps the graph, which DDP waits for
        logits = pairs.text[is_there].float() @ torch.cat((objects, places)).T / self.temperature
        # another object of the same class is no negative
        alike = classes[:, None] == classes
        alike.fill_diagonal_(False)
        logits = logits.masked_fill(F.pad(alike, (0, len(classes))), -torch.inf)
        own = torch.arange(len(classes), device=classes.device)
        return self.weight * F.cross_entropy(logits, own)


class EmptyScene(CounterfactualLoss):
    """The counterfactual as one more image with nothing in it: its focal loss, at the patches.

    Divided by the number of masks of the batch, as `MaskMatching` is: those of weight 0 are none.

    Args:
        weight: Factor.
    """

    def __init__(self, weight: float = 100.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, pairs: CounterfactualPairs) -> Tensor:
        """Return the scalar."""
        logits = pairs.logits.float()
        of_maps = focal(
            logits, torch.zeros_like(logits, dtype=torch.bool), torch.ones_like(logits[:, :1])
        )
        of_images = torch.where(pairs.has_counterfactual, of_maps.sum(1), 0.0)
        number = number_of_masks(pairs.is_there, of_all_processes=self.training)
        return self.weight * of_images.sum() / number


def coverage_of(labels: Tensor, num_classes: int, size: tuple[int, int]) -> Tensor:
    """Return which part of each patch each class covers, ``(B, K, h, w)`` float in [0, 1].

    A pixel belongs to the patch that its corner lies in. The cost does not depend on K.

    Args:
        labels: ``(B, H, W)`` long, -1 for no class.
        num_classes: K.
        size: (h, w), not more than H and W.
    """
    number, height, width = labels.shape
    rows = torch.arange(height, device=labels.device) * size[0] // height
    columns = torch.arange(width, device=labels.device) * size[1] // width
    patch = rows[:, None] * size[1] + columns
    num_patches = size[0] * size[1]
    # class -1 comes first and is cut off; bincount would make a GPU wait for the CPU
    of_image = ((labels + 1) * num_patches + patch).flatten(1)
    ones = torch.ones((), device=labels.device)
    counts = torch.zeros(number, (num_classes + 1) * num_patches, device=labels.device)
    counts.scatter_add_(1, of_image, ones.expand_as(of_image))
    pixels = torch.zeros(num_patches, device=labels.device)
    pixels.scatter_add_(0, patch.flatten(), ones.expand(height * width))
    return counts.view(number, num_classes + 1, *size)[:, 1:] / pixels.view(size).clamp_min(1)


def _weighted(values: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean of each sample, ``(B,)``; 0 without any weight."""
    return (values * weight).sum((1, 2)) / weight.sum((1, 2)).clamp_min(1e-12)


def _mean(values: Tensor, counts: Tensor) -> Tensor:
    return torch.where(counts, values, 0.0).sum() / counts.sum().clamp_min(1)
