"""IS-Net for dichotomous segmentation, and the encoder of true masks that supervises its features.

Qin et al., "Highly Accurate Dichotomous Image Segmentation", ECCV 2022. Written from the structure
of the authors' state dicts (xuebinqin/DIS, Apache-2.0), whose keys and outputs it reproduces.

Letters: B samples; C channels; H, W the input's size; h, w a map's own size.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from networks.checkpointing import run_checkpointed
from networks.outputs import Outputs
from networks.weights import load_weights

_Channels = tuple[int, int, int]  # in, middle, out
# channels at width 1 of stage1, stage2, ...
_ENCODER: tuple[_Channels, ...] = (
    (64, 32, 64),
    (64, 32, 128),
    (128, 64, 256),
    (256, 128, 512),
    (512, 256, 512),
    (512, 256, 512),
)
_MASK_ENCODER: tuple[_Channels, ...] = (
    (16, 16, 64),
    (64, 16, 64),
    (64, 32, 128),
    (128, 32, 256),
    (256, 64, 512),
    (512, 64, 512),
)
# of stage1d, stage2d, ...; the first number is that of each of the two maps that go in
_DECODER: tuple[_Channels, ...] = (
    (64, 16, 64),
    (128, 32, 64),
    (256, 64, 128),
    (512, 128, 256),
    (512, 256, 512),
)
_SIDES = (64, 64, 128, 256, 512, 512)
# heights of the U-blocks of stages 1 to 4; the others are flat
_HEIGHTS = (7, 6, 5, 4)


class _StagedNet(nn.Module):
    """What both networks share: six encoder stages and six side outputs."""

    def __init__(self, encoder: tuple[_Channels, ...], width: float, checkpointing: bool) -> None:
        super().__init__()
        self.checkpointing = checkpointing
        for number, channels in enumerate(encoder, 1):
            self.add_module(f"stage{number}", _stage(number, channels, width))
        for number, side_channels in enumerate(_SIDES, 1):
            side = nn.Conv2d(_scale(side_channels, width), 1, 3, padding=1)
            self.add_module(f"side{number}", side)

    def _run(self, name: str, x: Tensor) -> Tensor:
        stage: nn.Module = getattr(self, name)
        if self.checkpointing and torch.is_grad_enabled():
            return run_checkpointed(stage, x)
        return stage(x)

    def _encode(self, x: Tensor) -> list[Tensor]:
        features = [self._run("stage1", x)]
        for number in range(2, 7):
            features.append(self._run(f"stage{number}", _pool(features[-1])))
        return features

    def _outputs(self, features: list[Tensor]) -> Outputs:
        logits = [getattr(self, f"side{number}")(x) for number, x in enumerate(features, 1)]
        return Outputs(logits=logits, features=features)


class ISNet(_StagedNet):
    """Six logit maps and six feature maps of a normalised image.

    Args:
        width: Factor on every channel count inside; 1 is the published network (44 M parameters),
            1/4 trains on a CPU (2.8 M).
        checkpointing: Recompute each stage in the backward pass instead of keeping its activations:
            the same gradients, less memory, more time.
        weights: What to load, see `networks.weights.load_weights`. None: random.

    Raises:
        WeightsError: If `weights` cannot be had or do not fit.
    """

    def __init__(
        self, width: float = 1.0, checkpointing: bool = False, weights: str | None = None
    ) -> None:
        super().__init__(_ENCODER, width, checkpointing)
        self.conv_in = nn.Conv2d(3, _scale(64, width), 3, stride=2, padding=1)
        for number, channels in enumerate(_DECODER, 1):
            self.add_module(f"stage{number}d", _stage(number, channels, width, num_inputs=2))
        if weights is not None:
            load_weights(self, weights)

    def forward(self, image: Tensor) -> Outputs:
        """Return the maps of an image.

        Args:
            image: ``(B, 3, H, W)`` float, normalised as the weights ask (published: RGB in [0, 1]
                less .5). Any height and width from 1 px.

        Returns:
            Six logit maps ``(B, 1, h, w)``, the finest (half the input) first, and the decoder's
            six feature maps ``(B, C, h, w)`` in the same order.
        """
        *skips, x = self._encode(self.conv_in(image))
        features = [x]
        for number in range(5, 0, -1):
            x = self._run(f"stage{number}d", _join(x, skips[number - 1]))
            features.insert(0, x)
        return self._outputs(features)


class ISNetGTEncoder(_StagedNet):
    """The encoder of true masks: trained to return its input, then frozen to supervise `ISNet`.

    Its features have the channels and sizes of those of the `ISNet` of the same width.

    Args:
        width: As for `ISNet`; 1 is the published encoder (6.9 M parameters).
        checkpointing: As for `ISNet`.
        weights: As for `ISNet`.

    Raises:
        WeightsError: If `weights` cannot be had or do not fit.
    """

    def __init__(
        self, width: float = 1.0, checkpointing: bool = False, weights: str | None = None
    ) -> None:
        super().__init__(_MASK_ENCODER, width, checkpointing)
        self.conv_in = _StridedConv(1, _scale(16, width))
        if weights is not None:
            load_weights(self, weights)

    def forward(self, mask: Tensor) -> Outputs:
        """Return the maps of a mask.

        Args:
            mask: ``(B, 1, H, W)`` float in [0, 1]. Any height and width from 1 px.

        Returns:
            Six logit maps ``(B, 1, h, w)``, the finest (half the input) first, and the encoder's
            six feature maps ``(B, C, h, w)`` in the same order.
        """
        return self._outputs(self._encode(self.conv_in(mask)))


class _ResidualUBlock(nn.Module):
    """A small U-Net with a residual connection around it (RSU, from U2-Net).

    Args:
        channels: In, middle and out.
        dilations: Of the descending convolutions 1, 2, ...; the ascending ones mirror them.
        num_pools: How many of the descending convolutions a pooling follows.
    """

    def __init__(self, channels: _Channels, dilations: list[int], num_pools: int) -> None:
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


class _Conv(nn.Module):
    """Convolution, batch norm and ReLU, under the published names."""

    def __init__(self, in_channels: int, out_channels: int, dilation: int) -> None:
        super().__init__()
        self.conv_s1 = nn.Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation)
        self.bn_s1 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn_s1(self.conv_s1(x)))


class _StridedConv(nn.Module):
    """Convolution of stride 2, batch norm and ReLU, under the published names."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


def _stage(number: int, channels: _Channels, width: float, num_inputs: int = 1) -> _ResidualUBlock:
    """Return the U-block of stage `number`; encoder and decoder have equal ones."""
    in_channels, middle, out_channels = (_scale(count, width) for count in channels)
    scaled = (num_inputs * in_channels, middle, out_channels)
    if number > len(_HEIGHTS):
        return _ResidualUBlock(scaled, [1, 2, 4, 8], num_pools=0)
    height = _HEIGHTS[number - 1]
    # the lowest level is dilated instead of pooled
    return _ResidualUBlock(scaled, [1] * (height - 1) + [2], num_pools=height - 2)


def _scale(channels: int, width: float) -> int:
    return max(1, round(channels * width))


def _pool(x: Tensor) -> Tensor:
    # rounding up keeps the last row and column of an odd size, and lets a size of 1 stay 1
    return F.max_pool2d(x, 2, stride=2, ceil_mode=True)


def _join(x: Tensor, skip: Tensor) -> Tensor:
    """Return `x` at the size of `skip`, then `skip`, along the channels."""
    x = F.interpolate(x, size=skip.shape[2:], mode="bilinear", align_corners=False)
    return torch.cat((x, skip), 1)
