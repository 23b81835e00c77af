"""Nested U-blocks and the network of stages that U2-Net and IS-Net are built from.

Qin et al., "U^2-Net: Going Deeper with Nested U-Structure for Salient Object Detection", Pattern
Recognition 2020. Written from the structure of the authors' state dicts (xuebinqin/U-2-Net and
xuebinqin/DIS, Apache-2.0), whose keys it has.

Letters: B samples; C channels; h, w a map's own size.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from networks.checkpointing import run_checkpointed

Channels = tuple[int, int, int]
"""Of a block: in, middle, out."""
# heights of the U-blocks of stages 1 to 4; the others are flat
_HEIGHTS = (7, 6, 5, 4)


class ResidualUStages(nn.Module):
    """Encoder stages, each at half the size of the one before, and a side map of each level.

    Args:
        encoder: Channels of ``stage1``, ``stage2``, ...
        side_channels: Of the features that ``side1``, ``side2``, ... look at.
        checkpointing: Recompute each stage in the backward pass instead of keeping its activations:
            the same gradients, less memory, more time.
    """

    def __init__(
        self, encoder: Sequence[Channels], side_channels: Sequence[int], *, checkpointing: bool
    ) -> None:
        super().__init__()
        self.checkpointing = checkpointing
        self.num_stages = len(encoder)
        for number, channels in enumerate(encoder, 1):
            self.add_module(f"stage{number}", _stage(number, channels))
        for number, count in enumerate(side_channels, 1):
            self.add_module(f"side{number}", nn.Conv2d(count, 1, 3, padding=1))

    def add_decoder(self, decoder: Sequence[Channels]) -> None:
        """Add ``stage1d``, ``stage2d``, ...; each takes two maps of its channels in."""
        for number, (inputs, middle, outputs) in enumerate(decoder, 1):
            self.add_module(f"stage{number}d", _stage(number, (2 * inputs, middle, outputs)))

    def encode(self, x: Tensor) -> list[Tensor]:
        """Return the features of the stages, the finest first."""
        features = [self._run("stage1", x)]
        for number in range(2, self.num_stages + 1):
            features.append(self._run(f"stage{number}", _pool(features[-1])))
        return features

    def decode(self, features: list[Tensor]) -> list[Tensor]:
        """Return the decoder's features and, last, the deepest of the encoder's."""
        *skips, x = features
        decoded = [x]
        for number in range(len(skips), 0, -1):
            x = self._run(f"stage{number}d", _join(x, skips[number - 1]))
            decoded.insert(0, x)
        return decoded

    def sides(self, features: list[Tensor]) -> list[Tensor]:
        """Return a logit map ``(B, 1, h, w)`` of each feature map ``(B, C, h, w)``."""
        return [getattr(self, f"side{number}")(x) for number, x in enumerate(features, 1)]

    def _run(self, name: str, x: Tensor) -> Tensor:
        stage: nn.Module = getattr(self, name)
        if self.checkpointing and torch.is_grad_enabled():
            return run_checkpointed(stage, x)
        return stage(x)


class ResidualUBlock(nn.Module):
    """A small U-Net with a residual connection around it (RSU).

    Args:
        channels: In, middle and out.
        dilations: Of the descending convolutions 1, 2, ...; the ascending ones mirror them.
        num_pools: How many of the descending convolutions a pooling follows.
    """

    def __init__(self, channels: Channels, dilations: list[int], num_pools: int) -> None:
        super().__init__()
        in_channels, middle, out_channels = channels
        self.height = len(dilations)
        self.num_pools = num_pools
        self.rebnconvin = _Conv(in_channels, out_channels, 1)
        for level, dilation in enumerate(dilations, 1):
            inputs = out_channels if level == 1 else middle
            self.add_module(f"rebnconv{level}", _Conv(inputs, middle, dilation))
        for level, dilation in enumerate(dilations[:-1], 1):
            outputs = out_channels if level == 1 else middle
            self.add_module(f"rebnconv{level}d", _Conv(2 * middle, outputs, dilation))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, out, h, w)`` of ``(B, in, h, w)`` float, of any size from 1 px."""
        x = residual = self.rebnconvin(x)
        skips: list[Tensor] = []
        for level in range(1, self.height + 1):
            x = getattr(self, f"rebnconv{level}")(x)
            skips.append(x)
            if level <= self.num_pools:
                x = _pool(x)
        for level in range(self.height - 1, 0, -1):
            x = getattr(self, f"rebnconv{level}d")(_join(x, skips[level - 1]))
        return x + residual


def scaled(channels: Channels, width: float) -> Channels:
    """Return the channels times a factor, each at least 1."""
    inputs, middle, outputs = channels
    return scaled_count(inputs, width), scaled_count(middle, width), scaled_count(outputs, width)


def scaled_count(channels: int, width: float) -> int:
    """Return a number of channels times a factor, at least 1."""
    return max(1, round(channels * width))


class _Conv(nn.Module):
    """Convolution, batch norm and ReLU, under the published names."""

    def __init__(self, in_channels: int, out_channels: int, dilation: int) -> None:
        super().__init__()
        self.conv_s1 = nn.Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation)
        self.bn_s1 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn_s1(self.conv_s1(x)))


def _stage(number: int, channels: Channels) -> ResidualUBlock:
    """Return the U-block of stage `number`; encoder and decoder have equal ones."""
    if number > len(_HEIGHTS):
        return ResidualUBlock(channels, [1, 2, 4, 8], num_pools=0)
    height = _HEIGHTS[number - 1]
    # the lowest level is dilated instead of pooled
    return ResidualUBlock(channels, [1] * (height - 1) + [2], num_pools=height - 2)


def _pool(x: Tensor) -> Tensor:
    # rounding up keeps the last row and column of an odd size, and lets a size of 1 stay 1
    return F.max_pool2d(x, 2, stride=2, ceil_mode=True)


def _join(x: Tensor, skip: Tensor) -> Tensor:
    """Return `x` at the size of `skip`, then `skip`, along the channels."""
    x = F.interpolate(x, size=skip.shape[2:], mode="bilinear", align_corners=False)
    return torch.cat((x, skip), 1)
