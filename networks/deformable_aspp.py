"""Pyramid of deformable convolutions of several kernel sizes, as in BiRefNet.

Zheng et al., "Bilateral Reference for High-Resolution Dichotomous Image Segmentation", CAAI AIR
2024; deformable convolution with modulation: Zhu et al., "Deformable ConvNets v2", CVPR 2019.
Written from the papers and the structure of BiRefNet's state dicts (ZhengPeng7/BiRefNet, MIT).

Letters: B samples; C channels; H, W the map's size.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import deform_conv2d

_KERNELS = (1, 3, 7)
_PLANES = 256  # of each branch


class DeformableConv2d(nn.Module):
    """Convolution that looks beside its places: offsets and factors are learnt from the input.

    A fresh one has offsets 0 and factors 1, an ordinary convolution without bias.

    Args:
        in_channels: Of the input.
        out_channels: Of the result, at the input's size.
        kernel_size: Odd.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.padding = kernel_size // 2
        places = kernel_size**2
        self.offset_conv = self._conv(in_channels, 2 * places, kernel_size)
        self.modulator_conv = self._conv(in_channels, places, kernel_size)
        self.regular_conv = self._conv(in_channels, out_channels, kernel_size, bias=False)
        for conv in (self.offset_conv, self.modulator_conv):
            nn.init.zeros_(conv.weight)
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, out, H, W)`` of ``(B, in, H, W)`` float."""
        offset, factor = self.offset_conv(x), 2 * torch.sigmoid(self.modulator_conv(x))
        # torchvision's kernels know no bfloat16, and want one type: all in float32 at least
        dtype = torch.promote_types(x.dtype, torch.float32)
        y = deform_conv2d(
            x.to(dtype),
            offset.to(dtype),
            self.regular_conv.weight.to(dtype),
            mask=factor.to(dtype),
            padding=self.padding,
        )
        return y.to(offset.dtype)

    def _conv(self, inputs: int, outputs: int, kernel_size: int, *, bias: bool = True) -> nn.Conv2d:
        return nn.Conv2d(inputs, outputs, kernel_size, padding=self.padding, bias=bias)


class DeformableASPP(nn.Module):
    """Branches of several reaches side by side, from one place to the whole map, and their mix.

    Args:
        channels: Of input and result.
        batch_norm: See `networks.birefnet.BiRefNet`.
    """

    def __init__(self, channels: int, *, batch_norm: bool) -> None:
        super().__init__()
        # the official network has the branch of one pixel twice
        self.aspp1 = _Branch(channels, 1, batch_norm=batch_norm)
        self.aspp_deforms = nn.ModuleList(
            _Branch(channels, kernel_size, batch_norm=batch_norm) for kernel_size in _KERNELS
        )
        self.global_avg_pool = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, _PLANES, 1, bias=False),
            norm(_PLANES, batch_norm=batch_norm),
            nn.ReLU(),
        )
        self.conv1 = nn.Conv2d(_PLANES * (2 + len(_KERNELS)), channels, 1, bias=False)
        self.bn1 = norm(channels, batch_norm=batch_norm)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, C, H, W)`` of ``(B, C, H, W)`` float."""
        branches = [self.aspp1(x), *(branch(x) for branch in self.aspp_deforms)]
        whole = self.global_avg_pool(x).expand_as(branches[0])
        mixed = self.conv1(torch.cat((*branches, whole), 1))
        return self.dropout(F.relu(self.bn1(mixed)))


def norm(channels: int, *, batch_norm: bool) -> nn.Module:
    """Return a batch norm, or nothing where a batch has one sample."""
    return nn.BatchNorm2d(channels) if batch_norm else nn.Identity()


class _Branch(nn.Module):
    """Deformable convolution, norm and ReLU, under the published names."""

    def __init__(self, channels: int, kernel_size: int, *, batch_norm: bool) -> None:
        super().__init__()
        self.atrous_conv = DeformableConv2d(channels, _PLANES, kernel_size)
        self.bn = norm(_PLANES, batch_norm=batch_norm)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.atrous_conv(x)))
