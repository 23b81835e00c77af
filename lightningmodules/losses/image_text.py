"""The contrastive loss of images and their captions.

Letters: B pairs; D dimension of the common space.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def image_text_contrast(
    image: Tensor, text: Tensor, scale: Tensor, captions: Sequence[str]
) -> Tensor:
    """Return CLIP's loss, a scalar: the mean of both cross-entropies of ``scale * image text^T``.

    Radford et al., "Learning transferable visual models from natural language supervision", ICML
    2021. Pairs of one caption are all true, each with an equal share, as in UniCL (Yang et al.,
    CVPR 2022): of few captions a batch has many twice.

    Args:
        image: ``(B, D)`` unit vectors.
        text: ``(B, D)`` unit vectors of the captions.
        scale: ``()`` float above 0, the inverse of the temperature.
        captions: B texts.
    """
    logits = scale * image @ text.T
    number = {caption: k for k, caption in enumerate(dict.fromkeys(captions))}
    group = torch.tensor([number[caption] for caption in captions], device=logits.device)
    alike = (group[:, None] == group).to(logits)
    target = alike / alike.sum(1, keepdim=True)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
