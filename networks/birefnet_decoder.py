"""BiRefNet's decoder: each level sees the image again, whole, and learns where it has edges.

See `networks.birefnet` for source and letters.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from networks.checkpointing import run_checkpointed
from networks.deformable_aspp import DeformableASPP, norm
from networks.outputs import Outputs

_INNER = 64  # channels inside every block
_EDGES = 16  # channels of the features that edges are read from
_LEVELS = (4, 3, 2, 1)


class ReferenceDecoder(nn.Module):
    """From features at 1/4 to 1/32 and the image to a map of its size.

    Args:
        channels: Of the features, the finest first.
        batch_norm: See `networks.birefnet.BiRefNet`.
        num_checkpointed: Blocks, from the highest resolution down, that are recomputed in the
            backward pass instead of keeping their activations.
    """

    def __init__(
        self, channels: Sequence[int], *, batch_norm: bool, num_checkpointed: int = 0
    ) -> None:
        super().__init__()
        self.num_checkpointed = num_checkpointed
        finest = channels[0]
        decoded = (finest // 2, *channels[:-1])  # channels that leave level 1, 2, ...
        # of the image's tiles at each level, and of the whole image at the end (number 1)
        tiles = dict(zip((1, 2, 3, 4, 5), (*channels, channels[-1]), strict=True))
        for number, count in tiles.items():
            cuts = 1 if number == 1 else 4**number
            self.add_module(f"ipt_blk{number}", _TileConvs(3 * cuts, count // 8))
        for level in _LEVELS:
            inputs = channels[level - 1] + tiles[level + 1] // 8
            block = DecoderBlock(inputs, decoded[level - 1], batch_norm=batch_norm)
            self.add_module(f"decoder_block{level}", block)
        self.conv_out1 = nn.Sequential(nn.Conv2d(decoded[0] + finest // 8, 1, 1))
        for level in _LEVELS[:-1]:
            count = decoded[level - 1]
            self.add_module(f"lateral_block{level}", _Lateral(channels[level - 2], count))
            self.add_module(f"conv_ms_spvn_{level}", nn.Conv2d(count, 1, 1))
            edges = [nn.Conv2d(count, _EDGES, 3, padding=1), norm(_EDGES, batch_norm=batch_norm)]
            self.add_module(f"gdt_convs_{level}", nn.Sequential(*edges, nn.ReLU()))
            self.add_module(f"gdt_convs_pred_{level}", nn.Sequential(nn.Conv2d(_EDGES, 1, 1)))
            self.add_module(f"gdt_convs_attn_{level}", nn.Sequential(nn.Conv2d(_EDGES, 1, 1)))

    def forward(self, image: Tensor, features: Sequence[Tensor]) -> Outputs:
        """Return the maps of an image and its features.

        Args:
            image: ``(B, 3, H, W)`` float, as the backbone saw it.
            features: ``(B, C, h, w)`` float, the finest first; their sizes divide the image's.

        Returns:
            See `networks.birefnet.BiRefNet`.
        """
        x = features[-1]
        sides: list[Tensor] = []
        edges: list[Tensor] = []
        for level in (4, 3, 2):
            x = self._decode(level, image, x)
            sides.insert(0, self._at(f"conv_ms_spvn_{level}", x))
            of_edges = self._at(f"gdt_convs_{level}", x)
            edges.insert(0, self._at(f"gdt_convs_pred_{level}", of_edges))
            x = x * self._at(f"gdt_convs_attn_{level}", of_edges).sigmoid()
            finer = features[level - 2]
            x = resized(x, finer) + self._at(f"lateral_block{level}", finer)
        x = self._decode(1, image, x)
        return Outputs(logits=[self._last(x, image), *sides], features=edges)

    def _decode(self, level: int, image: Tensor, x: Tensor) -> Tensor:
        tiles = self._at(f"ipt_blk{level + 1}", tiles_of(image, x))
        x = torch.cat((x, tiles), 1)
        block: nn.Module = getattr(self, f"decoder_block{level}")
        if level <= self.num_checkpointed and torch.is_grad_enabled():
            return run_checkpointed(block, x, is_random=True)
        return block(x)

    def _last(self, x: Tensor, image: Tensor) -> Tensor:
        """Return the logits at the image's size.

        The published network enlarges all channels and mixes them then. Mixed first, the result is
        the same, for the enlargement is linear, and one channel is enlarged instead of 192.
        """
        last = self.conv_out1[0]
        assert isinstance(last, nn.Conv2d)
        of_image = self._at("ipt_blk1", image)
        count = x.shape[1]
        mixed = resized(F.conv2d(x, last.weight[:, :count]), image)
        return mixed + F.conv2d(of_image, last.weight[:, count:], last.bias)

    def _at(self, name: str, x: Tensor) -> Tensor:
        module: nn.Module = getattr(self, name)
        return module(x)


class DecoderBlock(nn.Module):
    """A convolution to few channels, a pyramid of deformable ones, a convolution to many.

    Args:
        in_channels: Of the input.
        out_channels: Of the result, at the input's size.
        batch_norm: See `networks.birefnet.BiRefNet`.
    """

    def __init__(self, in_channels: int, out_channels: int, *, batch_norm: bool) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(in_channels, _INNER, 3, padding=1)
        self.bn_in = norm(_INNER, batch_norm=batch_norm)
        self.dec_att = DeformableASPP(_INNER, batch_norm=batch_norm)
        self.conv_out = nn.Conv2d(_INNER, out_channels, 3, padding=1)
        self.bn_out = norm(out_channels, batch_norm=batch_norm)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, out, h, w)`` of ``(B, in, h, w)`` float."""
        x = self.dec_att(F.relu(self.bn_in(self.conv_in(x))))
        return self.bn_out(self.conv_out(x))


def resized(x: Tensor, like: Tensor) -> Tensor:
    """Return `x` at the height and width of `like`; corners stay corners, as published."""
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=True)


def tiles_of(image: Tensor, like: Tensor) -> Tensor:
    """Cut the image into tiles of the size of `like`, and stack them along the channels.

    Args:
        image: ``(B, C, H, W)``.
        like: ``(B, any, h, w)``; h divides H and w divides W.

    Returns:
        ``(B, C H/h W/w, h, w)``: of each channel its tiles, row by row.
    """
    batch, channels, height, width = image.shape
    h, w = like.shape[2:]
    tiles = image.reshape(batch, channels, height // h, h, width // w, w)
    return tiles.transpose(3, 4).reshape(batch, -1, h, w)


class _TileConvs(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, _INNER, 3, padding=1)
        self.conv_out = nn.Conv2d(_INNER, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_out(self.conv1(x))


class _Lateral(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)
