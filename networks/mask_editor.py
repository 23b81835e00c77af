"""An editor of masks that bends them: it predicts a velocity field, and the flow moves the mask.

Ours: MaskFactory (Qian et al., NeurIPS 2024) learns its non-rigid edits with a generator of pixels,
see `networks.published_mask_gan`. A flow cannot open a hole or cut a part off.
Letters: B samples; H, W size of the masks; h, w of the field, an eighth to a quarter of it.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from networks.flow import enlarge, integrate, warp
from networks.weights import load_weights, trained_size

_CELLS = 6
"""Rows and columns of the latent velocities: bumps of a sixth of the frame, as wide as limbs."""
_LEAST_COSINE = 0.3
"""A field that only slides along the contour must not be blown up until it crosses it."""


class MaskEdit(NamedTuple):
    """Edited masks and, where a flow made them, the maps that did."""

    mask: Tensor
    """``(B, 1, H, W)`` float in [0, 1]."""
    forward: Tensor | None
    """``(B, 2, h, w)`` displacement, see `networks.flow`: where each point of the source goes."""
    backward: Tensor | None
    """``(B, 2, h, w)`` displacement: where each point of the edit comes from; the inverse map."""


class MaskEditorNet(nn.Module):
    """Its forward takes masks, latent codes and strengths, and returns a `MaskEdit`."""

    latent_size: int
    """Length of a latent code, drawn from the standard normal distribution."""
    trained_size: tuple[int, int] | None = None
    """(Height, width) of the masks that it was trained on; None where nobody says."""


class FlowMaskEditor(MaskEditorNet):
    """A U-Net that turns a latent smooth field into one that suits the mask.

    The latent code is a coarse random velocity field; the network sees it beside the mask and adds
    to it. So even untrained it makes varied smooth edits, and training has only to make them
    plausible. Then, in closed form:

    - what a similarity could do (shift, rotation, scale; seen at the contour) is taken off, for it
      is no change of shape;
    - the field is scaled such that, to first order, ``1 - IoU(source, edit)`` is the strength:
      ``integral |v . grad m|`` is the area that the contour sweeps over;
    - across the frame it falls to 0, so that nothing unseen comes in.

    Args:
        width: Channels of the first stage; 2 and 4 times as many follow.
        weights: What to load, see `networks.weights.load_weights`. None: untrained.

    Raises:
        WeightsError: If `weights` cannot be had or do not fit.
    """

    def __init__(self, width: int = 24, *, weights: str | None = None) -> None:
        super().__init__()
        self.latent_size = 2 * _CELLS**2
        wide = 4 * width
        self.to_half = _stage(3, width, stride=2)
        self.to_quarter = _stage(width + 2, 2 * width, stride=2)
        self.to_eighth = _stage(2 * width, wide, stride=2)
        self.to_sixteenth = _stage(wide, wide, stride=2)
        self.whole = _Whole(wide)
        self.up_eighth = _stage(2 * wide, wide)
        self.up_quarter = _stage(wide + 2 * width, 2 * width)
        self.velocity = nn.Conv2d(2 * width, 2, 3, padding=1)
        nn.init.zeros_(self.velocity.weight)  # begins with the latent field itself
        assert self.velocity.bias is not None
        nn.init.zeros_(self.velocity.bias)
        if weights is not None:
            load_weights(self, weights)
            self.trained_size = trained_size(weights)

    def forward(self, mask: Tensor, latent: Tensor, strength: Tensor) -> MaskEdit:
        """Edit masks.

        Args:
            mask: ``(B, 1, H, W)`` float in [0, 1]; H and W at least 32.
            latent: ``(B, 72)`` float, standard normal.
            strength: ``(B,)`` float in [0, 1): the share 1 - IoU that is asked for.
        """
        velocity = self.velocities(mask, latent, strength)
        backward = integrate(-velocity)
        size = (mask.shape[2], mask.shape[3])
        return MaskEdit(
            mask=warp(mask, enlarge(backward, size)), forward=integrate(velocity), backward=backward
        )

    def velocities(self, mask: Tensor, latent: Tensor, strength: Tensor) -> Tensor:
        """Return the velocity fields of the edits, ``(B, 2, h, w)`` in cells per unit time."""
        field = latent.view(-1, 2, _CELLS, _CELLS)
        x = torch.cat([mask, _places(mask)], dim=1)
        half = self.to_half(x)
        noise = F.interpolate(field, half.shape[-2:], mode="bicubic", align_corners=False)
        quarter = self.to_quarter(torch.cat([half, noise], dim=1))
        eighth = self.to_eighth(quarter)
        deep = self.whole(self.to_sixteenth(eighth), strength)
        deep = self.up_eighth(torch.cat([_resized(deep, eighth), eighth], dim=1))
        found = self.velocity(self.up_quarter(torch.cat([_resized(deep, quarter), quarter], dim=1)))
        base = F.interpolate(field, found.shape[-2:], mode="bicubic", align_corners=False)
        return to_strength(smooth(base + found), mask, strength)


def to_strength(velocity: Tensor, mask: Tensor, strength: Tensor) -> Tensor:
    """Take the similarity out of velocity fields and scale them to the strength asked for.

    Args:
        velocity: ``(B, 2, h, w)`` float, any real value.
        mask: ``(B, 1, H, W)`` float in [0, 1].
        strength: ``(B,)`` float, 1 - IoU to first order. At most half of it is reached where the
            field runs along the contour only; an empty or full mask is left alone.
    """
    size = velocity.shape[-2:]
    small = F.interpolate(mask, size, mode="area")
    gradient = _gradient(small)
    contour = gradient.norm(dim=1, keepdim=True)
    velocity = _without_similarity(velocity, contour) * _frame(velocity)
    crossed = (velocity * gradient).sum(1).abs().sum((1, 2))
    passed = (velocity.norm(dim=1, keepdim=True) * contour).sum((1, 2, 3))
    swept = torch.maximum(crossed, _LEAST_COSINE * passed)
    wanted = strength * small.sum((1, 2, 3))
    return velocity * (wanted / swept.clamp_min(1e-6) * (swept > 1e-6)).view(-1, 1, 1, 1)


def smooth(field: Tensor, sigma: float = 1.0) -> Tensor:
    """Return a field under a Gaussian of `sigma` cells; its edge goes on beyond the frame."""
    radius = math.ceil(2.5 * sigma)
    offsets = torch.arange(-radius, radius + 1, device=field.device, dtype=field.dtype)
    window = torch.exp(-offsets.square() / (2 * sigma**2))
    window = window / window.sum()
    channels = field.shape[1]
    field = F.pad(field, (radius,) * 4, mode="replicate")
    across = window.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    down = window.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    return F.conv2d(F.conv2d(field, across, groups=channels), down, groups=channels)


class _Whole(nn.Module):
    """Lets every place know of the whole mask and of the strength."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Linear(channels + 1, channels)

    def forward(self, x: Tensor, strength: Tensor) -> Tensor:
        mean = torch.cat([x.mean((2, 3)), strength[:, None]], dim=1)
        return x + self.mix(mean)[:, :, None, None]


def _stage(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    kernel = 3 if stride == 1 else 4
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=1),
        nn.GroupNorm(4, outputs),  # no statistics of the batch: an edit depends on its source alone
        nn.LeakyReLU(0.2),
    )


def _resized(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)


def _places(like: Tensor) -> Tensor:
    """Return x and y of every pixel, ``(B, 2, H, W)`` in [-1, 1]."""
    batch, _, height, width = like.shape
    x = torch.linspace(-1, 1, width, device=like.device, dtype=like.dtype)
    y = torch.linspace(-1, 1, height, device=like.device, dtype=like.dtype)
    return torch.stack(torch.meshgrid(x, y, indexing="xy")).expand(batch, -1, -1, -1)


def _gradient(mask: Tensor) -> Tensor:
    """Return x and y slope of ``(B, 1, h, w)`` by central differences, ``(B, 2, h, w)``."""
    padded = F.pad(mask, (1, 1, 1, 1), mode="replicate")
    across = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
    down = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
    return torch.cat([across, down], dim=1) / 2


def _without_similarity(velocity: Tensor, weight: Tensor) -> Tensor:
    """Take off the shift, rotation and scaling nearest to a field by weighted least squares.

    About the weighted centre the four of them are orthogonal, so each is taken off by itself.
    """
    total = weight.sum((2, 3), keepdim=True).clamp_min(1e-6)
    x = _places(velocity)[:, :2]
    x = x - (weight * x).sum((2, 3), keepdim=True) / total
    velocity = velocity - (weight * velocity).sum((2, 3), keepdim=True) / total
    around = torch.stack([-x[:, 1], x[:, 0]], dim=1)
    moment = (weight * x.square()).sum((1, 2, 3), keepdim=True).clamp_min(1e-6)
    for field in (x, around):
        velocity = (
            velocity - field * (weight * velocity * field).sum((1, 2, 3), keepdim=True) / moment
        )
    return velocity


def _frame(velocity: Tensor) -> Tensor:
    """Return 0 at the frame for the component across it, rising to 1 within an eighth."""
    height, width = velocity.shape[-2:]
    x, y = (
        torch.linspace(0, 1, count, device=velocity.device, dtype=velocity.dtype)
        for count in (width, height)
    )
    rise_x, rise_y = ((8 * torch.minimum(t, 1 - t)).clamp_max(1) for t in (x, y))
    return torch.stack(torch.meshgrid(rise_x, rise_y, indexing="xy"))[None]
