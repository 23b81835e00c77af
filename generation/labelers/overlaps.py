"""Masks of several detections on one image as a label map, with doubt as weight."""

import torch
from torch import Tensor

_HALF = 0.5  # coverage from which a pixel is of the object


def resolve(
    masks: Tensor, scores: Tensor, classes: Tensor, *, threshold: float
) -> tuple[Tensor, Tensor]:
    """Return which class each pixel is of, and how far that counts.

    A pixel that masks of several classes cover goes to the highest score s. It counts by the
    margin (s - r) / s over the best rival r, a mask of another class that covers it too; so two
    classes that are found alike leave nothing to learn from. Detections below the threshold t label
    nothing, but are rivals: a pixel of the background that one covers counts (t - r) / t. Soft
    masks count the less, the nearer they are to half: by |2 m - 1|.

    Args:
        masks: ``(N, H, W)`` float in [0, 1], coverage of each detection.
        scores: ``(N,)`` float in [0, 1].
        classes: ``(N,)`` long in 1..254.
        threshold: Least score of a detection that labels pixels, above 0.

    Returns:
        ``(H, W)`` uint8 labels, 0 for the background; ``(H, W)`` uint8 weight, 255 in full.
    """
    label, rival, soft = (masks.new_zeros(masks.shape[1:]) for _ in range(3))
    winner = torch.full_like(label, threshold)
    sureness = torch.zeros_like(label)
    # best first, so that what is labelled already has a higher score
    for place in scores.argsort(descending=True, stable=True).tolist():
        mask, score, kind = masks[place], scores[place], classes[place].to(label.dtype)
        covered = mask >= _HALF
        if score >= threshold:
            taken = covered & (label == 0)
            label = torch.where(taken, kind, label)
            winner = torch.where(taken, score, winner)
            is_own = covered & (label == kind)
            sureness = torch.where(is_own, sureness.maximum(2 * mask - 1), sureness)
            soft = torch.where(covered, soft, soft.maximum(2 * mask))
        rival = torch.where(covered & (label != kind), rival.maximum(score), rival)
    margin = (winner - rival).clamp(min=0) / winner
    weight = margin * torch.where(label > 0, sureness, 1 - soft)
    return label.to(torch.uint8), (255 * weight).round().to(torch.uint8)
