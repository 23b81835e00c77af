"""From a network's logits to the 8-bit map that is scored and saved.

Training, the prediction writer and the scoring of a folder share this one rule, so that a map
scores the same before and after it was a file. Letters: H, W the network's size, h, w the truth's.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def to_uint8(probabilities: Tensor) -> Tensor:
    """Return ``floor(p * 255 + .5)`` as uint8: rounded, the half upwards.

    Most published code truncates instead (``ToPILImage``), which darkens every map by half a step.

    Args:
        probabilities: Any shape, float in [0, 1].

    Raises:
        ValueError: If a value is outside [0, 1] or NaN. The scores of a diverged network would
            otherwise look like those of a black map.
    """
    low, high = (float(bound) for bound in probabilities.aminmax())
    if not (low >= 0 and high <= 1):  # NaN is neither
        raise ValueError(
            f"a map to quantise must lie in [0, 1], got {low:g} to {high:g}: apply a sigmoid; "
            "NaN means that the network diverged"
        )
    return (probabilities.float() * 255).add_(0.5).to(torch.uint8)  # truncates, so it floors


def to_truth_size(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the map of one image at the size of its truth.

    The sigmoid comes first and the map of probabilities is resized, as in the published code of
    the field (IS-Net, BiRefNet): a few extreme logits then cannot drag a whole edge with them.

    Args:
        logits: ``(1, 1, H, W)`` float, any real value, at the size of the network's input: a
            smaller map is enlarged to it first, as logits.
        size: ``(h, w)`` of the truth.

    Returns:
        ``(h, w)`` uint8.
    """
    return to_uint8(resize(logits.float().sigmoid()[0, 0], size))


def resize(probabilities: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize a map bilinearly (pixel centres aligned, no smoothing), as published code does.

    Args:
        probabilities: ``(H, W)`` float in [0, 1].
        size: ``(h, w)`` of the result.

    Returns:
        ``(h, w)`` float in [0, 1].
    """
    if tuple(probabilities.shape) == size:
        return probabilities
    resized = F.interpolate(probabilities[None, None], size, mode="bilinear", align_corners=False)
    return resized[0, 0].clamp(0, 1)  # the weights of four neighbours may add up to 1 + 1e-7
