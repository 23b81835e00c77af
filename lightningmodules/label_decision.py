"""From the scores of names to one label a pixel, background included.

A name has a score everywhere, background has none unless words stand for it: how both are weighed
is most of what the published protocols differ in. Letters: N names; K labels, background (0)
included; H, W size of a photo.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class LabelDecision(Protocol):
    """How names compete, and when none of them wins."""

    @property
    def threshold(self) -> float:
        """A pixel whose best class has no higher probability is background."""

    @property
    def least_share(self) -> float:
        """A class with at most this share of what is not background is taken out of a photo."""

    def probabilities(self, scores: Tensor) -> Tensor:
        """Return ``(N, H, W)`` in [0, 1] from the network's scores of all names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigmoidDecision:
    """Each name for itself, as GroupViT and TCL have it: words for background are not needed.

    Args:
        threshold: See `LabelDecision`. TCL: .5, or .4 with PAMR.
        scale: Of the scores; 1 for logits.
        least_share: See `LabelDecision`.
    """

    threshold: float = 0.5
    scale: float = 1.0
    least_share: float = 0.0

    def probabilities(self, scores: Tensor) -> Tensor:
        """Return ``(N, H, W)`` in [0, 1]."""
        return (scores * self.scale).sigmoid()


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftmaxDecision:
    """All names against each other, as SCLIP and its successors have it.

    Args:
        threshold: See `LabelDecision`. SCLIP: .1 with background.
        scale: Of the scores before the softmax. SCLIP for cosines: 40; VOC (21) 65, Context (60)
            and COCO-Object 50.
        least_share: See `LabelDecision`. SCLIP: .1 for VOC (21), else 0.
    """

    threshold: float = 0.1
    scale: float = 40.0
    least_share: float = 0.0

    def probabilities(self, scores: Tensor) -> Tensor:
        """Return ``(N, H, W)`` in [0, 1]."""
        return (scores * self.scale).softmax(0)


def class_scores(scores: Tensor, owners: Tensor, num_labels: int) -> Tensor:
    """Return each label's best name, ``(K, H, W)``; a label that no name stands for gets 0.

    Args:
        scores: ``(N, H, W)`` float, 0 or more.
        owners: ``(N,)`` long, the label that each name stands for.
        num_labels: K.
    """
    if len(owners) == num_labels and bool((owners == torch.arange(num_labels).to(owners)).all()):
        return scores
    result = scores.new_zeros(num_labels, *scores.shape[1:])
    for place, label in enumerate(owners.tolist()):
        torch.maximum(result[label], scores[place], out=result[label])
    return result


def best_label(
    by_label: Tensor, decision: LabelDecision, *, has_background: bool
) -> tuple[Tensor, Tensor]:
    """Return each pixel's best label and its probability, ``(H, W)`` float and long.

    Args:
        by_label: ``(K, H, W)`` probabilities, see `class_scores`.
        decision: Says how small a class may be.
        has_background: Whether background may be found; else a class is, everywhere.
    """
    if not has_background:
        best, place = by_label[1:].max(0)
        return best, place + 1
    if decision.least_share:
        by_label = _without_small(by_label, decision.least_share)
    best, label = by_label.max(0)
    return best, label


def _without_small(by_label: Tensor, least_share: float) -> Tensor:
    """Return the probabilities with 0 for every class that covers too little."""
    areas = torch.bincount(by_label.argmax(0).flatten(), minlength=len(by_label))[1:]
    is_kept = areas > least_share * areas.sum()
    kept = torch.cat([is_kept.new_ones(1), is_kept])
    return by_label * kept[:, None, None]
