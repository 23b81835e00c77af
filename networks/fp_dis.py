"""An interpretation of FP-DIS: segmentation with priors from the frequencies of the image.

Zhou et al., "Dichotomous Image Segmentation with Frequency Priors", IJCAI 2023, has neither public
code nor weights, and no more than its abstract was known here: a fixed filter and learnable filters
make frequency priors, a gate harmonises the grouped features of all scales, and an adaptive
modulation embeds the priors into them. All else is our choice, so results of this network are ours
and never stand in the row of the paper.

Letters: B samples; C channels; H, W the image's size; h, w a map's own size.
"""

from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from networks.matrix_forms import filter_frequencies, frequencies, mean_pool
from networks.outputs import Outputs
from networks.weights import load_weights

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_CUT_OFF = 0.1  # of the fixed filter, in periods a pixel: what is finer than ten pixels passes
_NUM_RADII = 16  # where a learnable filter has a value of its own
_FARTHEST = 0.5**0.5  # the highest frequency, of rows and columns together


class FPDIS(nn.Module):
    """Logit maps at every scale of a normalised image: our interpretation of FP-DIS.

    Args:
        backbone: Name of a model of timm that gives maps at several scales.
        pretrained: Whether timm fetches the backbone's weights from the hub or its cache.
        channels: Of every map behind the backbone, a multiple of `num_groups`.
        num_groups: Parts that the gate of a scale weighs apart.
        num_filters: Learnable filters beside the fixed one.
        weights: What to load, see `networks.weights.load_weights`. None: random, but for the
            backbone.

    Raises:
        ValueError: If `channels` is no multiple of `num_groups`.
        WeightsError: If `weights` cannot be had or do not fit.
    """

    interpretation = "FP-DIS"
    """Reports and exported files call the network an interpretation of it."""
    backbone: Any  # timm annotates no more than nn.Module

    def __init__(
        self,
        backbone: str = "resnet50",
        *,
        pretrained: bool = False,
        channels: int = 64,
        num_groups: int = 4,
        num_filters: int = 4,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        if channels % num_groups:
            raise ValueError(f"channels {channels} must be a multiple of num_groups {num_groups}")
        self.backbone = timm.create_model(backbone, features_only=True, pretrained=pretrained)
        widths: list[int] = self.backbone.feature_info.channels()
        self.prior = FrequencyPrior(num_filters)
        self.harmonise = nn.ModuleList(_Harmonisation(n, channels, num_groups) for n in widths)
        self.embed = nn.ModuleList(_Embedding(num_filters + 1, channels) for _ in widths)
        self.fuse = nn.ModuleList(_block(channels, channels) for _ in widths)
        self.sides = nn.ModuleList(nn.Conv2d(channels, 1, 3, padding=1) for _ in widths)
        if weights is not None:
            load_weights(self, weights)

    def forward(self, image: Tensor) -> Outputs:
        """Return the maps of an image.

        Args:
            image: ``(B, 3, H, W)`` float, normalised as the backbone asks. Any height and width
                that it takes; a ResNet from 1 px.

        Returns:
            One logit map ``(B, 1, h, w)`` for each scale of the backbone, the finest first.
        """
        prior = self.prior(image)
        maps = [
            embed(harmonise(x), prior)
            for x, harmonise, embed in zip(
                self.backbone(image), self.harmonise, self.embed, strict=True
            )
        ]
        found = [self.fuse[-1](maps[-1])]
        for x, fuse in zip(maps[-2::-1], list(self.fuse)[-2::-1], strict=True):
            found.append(fuse(x + _resize(found[-1], x)))
        return Outputs(
            logits=[side(x) for side, x in zip(self.sides, reversed(found), strict=True)]
        )


class FrequencyPrior(nn.Module):
    """What a fixed high-pass filter and learnable filters leave of the image's brightness.

    A filter is a function of the radius in the plane of frequencies, in periods a pixel, so that it
    means the same at any size.

    Args:
        num_filters: Learnable filters. They begin as bands side by side.
    """

    def __init__(self, num_filters: int) -> None:
        super().__init__()
        # logits of the response: a band of the radii each, which training can widen and move
        bands = torch.arange(_NUM_RADII) * num_filters // _NUM_RADII
        own = bands == torch.arange(num_filters)[:, None]
        self.responses = nn.Parameter(torch.where(own, 2.0, -2.0))

    def forward(self, image: Tensor) -> Tensor:
        """Return ``(B, 1 + num_filters, H, W)`` of an image ``(B, 3, H, W)``, in its precision."""
        # half precision has no transform of sizes other than powers of 2, on a CPU none at all
        with torch.autocast(image.device.type, enabled=False):
            luma = torch.tensor(_LUMA, device=image.device).view(1, 3, 1, 1)
            brightness = (image.float() * luma).sum(1, keepdim=True)
            height, width = brightness.shape[2:]
            if torch.compiler.is_exporting():
                rows, columns = frequencies(height, image), frequencies(width, image)
                prior = filter_frequencies(brightness, self._filters(rows, columns))
            else:
                rows = torch.fft.fftfreq(height, device=image.device)
                columns = torch.fft.rfftfreq(width, device=image.device)
                filters = self._filters(rows, columns)
                spectrum = torch.fft.rfft2(brightness, norm="ortho") * filters
                prior = torch.fft.irfft2(spectrum, s=(height, width), norm="ortho")
        return prior.to(image.dtype)

    def _filters(self, rows: Tensor, columns: Tensor) -> Tensor:
        radius = (rows[:, None].square() + columns.square()).sqrt()  # ONNX has no hypot
        fixed = 1 - torch.exp(-(radius**2) / (2 * _CUT_OFF**2))
        place = radius / _FARTHEST * (_NUM_RADII - 1)
        below = place.floor().long().clamp(max=_NUM_RADII - 2)
        share = place - below
        response = self.responses.float().sigmoid()
        learned = response[:, below] * (1 - share) + response[:, below + 1] * share
        return torch.cat([fixed[None], learned])


class _Harmonisation(nn.Module):
    """Brings a map of the backbone to common channels, its groups weighed by a gate."""

    def __init__(self, in_channels: int, channels: int, num_groups: int) -> None:
        super().__init__()
        self.num_groups = num_groups
        self.reduce = nn.Sequential(
            nn.Conv2d(in_channels, channels, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()
        )
        self.gate = nn.Conv2d(channels, num_groups, 3, padding=1)
        self.merge = _block(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.reduce(x)
        gates = self.gate(x).sigmoid().unsqueeze(2)  # (B, groups, 1, h, w)
        gated = torch.stack(x.chunk(self.num_groups, 1), 1) * gates
        merged: Tensor = self.merge(gated.flatten(1, 2) + x)
        return merged


class _Embedding(nn.Module):
    """Scales and shifts features by what the priors are at their place."""

    def __init__(self, prior_channels: int, channels: int) -> None:
        super().__init__()
        self.shared = nn.Sequential(nn.Conv2d(prior_channels, channels, 3, padding=1), nn.ReLU())
        self.scale = nn.Conv2d(channels, channels, 3, padding=1)
        self.shift = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, prior: Tensor) -> Tensor:
        # the mean of squares keeps edges that a mean of signed values would cancel
        size = (x.shape[2], x.shape[3])
        pool = mean_pool if torch.compiler.is_exporting() else F.adaptive_avg_pool2d
        energy = pool(prior.float().square(), size).add(1e-6).sqrt()
        shared = self.shared(energy.to(x.dtype))
        modulated: Tensor = x * (1 + self.scale(shared)) + self.shift(shared)
        return modulated


def _block(in_channels: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


def _resize(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)
