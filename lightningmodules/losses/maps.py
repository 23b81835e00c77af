"""Losses of one map: pure functions, and a thin module over each for YAML.

Every one takes

- logits: ``(B, 1, H, W)`` float;
- target: ``(B, 1, H, W)`` float in [0, 1], the soft true mask;
- weight: ``(B, 1, H, W)`` float in [0, 1], how far each pixel counts. A pixel of weight 0 has no
  influence on value or gradient; an image of weight 0 everywhere has loss 0;

and returns a scalar: the mean over the batch of one value an image, so that the mean over equal
ranks is that of the whole batch. All compute in float32 at least, whatever the network runs in,
and raise ValueError where the three shapes differ.

Letters: B samples; p sigmoid of the logits; t target; m weight; sums are over H and W.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# what is divided by at least; below any sum of weights that is not 0
_TINY = 1e-12


def bce(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return the binary cross-entropy, ``sum m ce / sum m``."""
    logits, target, weight = _precise(logits, target, weight)
    return weighted_mean(_cross_entropy(logits, target), weight).mean()


def iou(logits: Tensor, target: Tensor, weight: Tensor, smooth: float = 1.0) -> Tensor:
    """Return the soft Jaccard loss, ``1 - (I + s) / (U + s)``.

    ``I = sum m p t`` and ``U = sum m (p + t - p t)``. UDUN and F3Net use s = 1; BiRefNet s = 0 and
    the sum over the batch. Only a binary target can reach 0.
    """
    logits, target, weight = _precise(logits, target, weight)
    return _jaccard(logits.sigmoid(), target, weight, smooth).mean()


def dice(logits: Tensor, target: Tensor, weight: Tensor, smooth: float = 1.0) -> Tensor:
    """Return the soft Dice loss, ``1 - (2 I + s) / (P + T + s)``.

    ``I = sum m p t``, ``P = sum m p``, ``T = sum m t``: Milletari et al., "V-Net", 3DV 2016,
    without the squares below the line, as in SAM-HQ. Only a binary target can reach 0.
    """
    logits, target, weight = _precise(logits, target, weight)
    p = logits.sigmoid()
    areas = _sum(weight * (p + target))
    return ((areas - 2 * _sum(weight * p * target)) / (areas + smooth).clamp_min(_TINY)).mean()


def ssim(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return ``(1 - SSIM(p, t)) / 2``: 0 where the maps agree, at most 1.

    Wang et al., "Image quality assessment", TIP 2004, with a Gaussian window of 11 x 11 and sigma
    1.5; the form (1 - s) / 2 and the zeros outside the map as in BiRefNet. The windows see a pixel
    of weight 0 as they see the outside: 0 in both maps.
    """
    logits, target, weight = _precise(logits, target, weight)
    counted = weight > 0
    p, t = logits.sigmoid() * counted, target * counted
    moments = _blur(torch.cat((p, t, p * p, t * t, p * t), 1))
    mean_p, mean_t, mean_pp, mean_tt, mean_pt = moments.chunk(5, 1)
    c1, c2 = 0.01**2, 0.03**2  # the paper's constants for a range of 1
    product = mean_p * mean_t
    squares = mean_p.square() + mean_t.square()
    similarity = ((2 * product + c1) * (2 * (mean_pt - product) + c2)) / (
        (squares + c1) * (mean_pp + mean_tt - squares + c2)
    )
    return weighted_mean((1 - similarity) / 2, weight).mean()


def structure(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return cross-entropy plus soft Jaccard loss, both heavier where the mask is uneven.

    Wei et al., "F3Net", AAAI 2020: a pixel counts ``1 + 5 |mean of t in 31 x 31 - t|`` times.
    F3Net's own code loses this weight in the cross-entropy; here as in the paper, MVANet and
    BiRefNet. The window sees a pixel of weight 0 as it sees the outside: 0.
    """
    logits, target, weight = _precise(logits, target, weight)
    counted = target * (weight > 0)
    # a mean of means along the axes: 62 additions a pixel instead of 961
    around = F.avg_pool2d(counted, (31, 1), stride=1, padding=(15, 0))
    around = F.avg_pool2d(around, (1, 31), stride=1, padding=(0, 15))
    unevenness = (around - counted).abs()
    weight = weight * (1 + 5 * unevenness)
    cross_entropy = weighted_mean(_cross_entropy(logits, target), weight)
    return (cross_entropy + _jaccard(logits.sigmoid(), target, weight, smooth=1.0)).mean()


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean of each image, ``(B,)``; 0 where an image has weight 0 everywhere.

    Args:
        values: ``(B, 1, H, W)`` float.
        weight: ``(B, 1, H, W)`` float, not negative.
    """
    return _sum(weight * values) / _sum(weight).clamp_min(_TINY)


class MapLoss(nn.Module):
    """A loss of one map: its forward takes logits, target and weight and returns a scalar."""


class BCE(MapLoss):
    """Binary cross-entropy, see `bce`."""

    def forward(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Return the scalar loss."""
        return bce(logits, target, weight)


class IoU(MapLoss):
    """Soft Jaccard loss, see `iou`.

    Args:
        smooth: Added above and below the line, in pixels.
        is_summed: Whether the images of a batch are summed, as in BiRefNet, instead of averaged:
            the term then grows with the batch, against all others.
    """

    def __init__(self, smooth: float = 1.0, is_summed: bool = False) -> None:
        super().__init__()
        self.smooth = smooth
        self.is_summed = is_summed

    def forward(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Return the scalar loss."""
        mean = iou(logits, target, weight, self.smooth)
        return len(logits) * mean if self.is_summed else mean


class Dice(MapLoss):
    """Soft Dice loss, see `dice`."""

    def __init__(self, smooth: float = 1.0) -> None:
        super().__init__()
        self.smooth = smooth

    def forward(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Return the scalar loss."""
        return dice(logits, target, weight, self.smooth)


class SSIM(MapLoss):
    """Structural dissimilarity, see `ssim`."""

    def forward(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Return the scalar loss."""
        return ssim(logits, target, weight)


class Structure(MapLoss):
    """Cross-entropy and Jaccard loss weighted by unevenness, see `structure`."""

    def forward(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Return the scalar loss."""
        return structure(logits, target, weight)


def _precise(logits: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    if not logits.shape == target.shape == weight.shape:
        raise ValueError(
            f"logits {tuple(logits.shape)}, target {tuple(target.shape)} and weight "
            f"{tuple(weight.shape)} must have one shape (B, 1, H, W): a map loss needs a network "
            "of one class and soft masks, not labels"
        )
    dtype = torch.promote_types(logits.dtype, torch.float32)
    return logits.to(dtype), target.to(dtype), weight.to(dtype)


def _sum(x: Tensor) -> Tensor:
    return x.sum((1, 2, 3))


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none")


def _jaccard(p: Tensor, target: Tensor, weight: Tensor, smooth: float) -> Tensor:
    intersection = _sum(weight * p * target)
    union = _sum(weight * (p + target)) - intersection
    # (U - I) / (U + s) is 1 - (I + s) / (U + s), and 0 where all weights are 0 even for s = 0
    return (union - intersection) / (union + smooth).clamp_min(_TINY)


def _blur(x: Tensor) -> Tensor:
    """Return each plane of ``(B, C, H, W)`` under the Gaussian window, zeros outside."""
    offsets = torch.arange(-5, 6, device=x.device, dtype=x.dtype)
    window = torch.exp(-offsets.square() / (2 * 1.5**2))
    window = window / window.sum()
    # one depthwise convolution over all planes: 5 to 20 times faster on a CPU than one a plane
    planes = x.flatten(0, 1).unsqueeze(0)
    groups = planes.shape[1]
    # variances are differences of means: in half precision they would be noise
    with torch.autocast(x.device.type, enabled=False):
        for shape, padding in (((11, 1), (5, 0)), ((1, 11), (0, 5))):
            kernel = window.view(1, 1, *shape).expand(groups, 1, *shape)
            planes = F.conv2d(planes, kernel, padding=padding, groups=groups)
    return planes.view_as(x)
