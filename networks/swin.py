"""Swin Transformer as a backbone for any image size, in the layout of detection and segmentation.

Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", ICCV 2021
(microsoft/Swin-Transformer, MIT). Neither timm's nor torchvision's computes what networks trained
on this layout expect (BiRefNet, MVANet, InSPyReNet): it pads before it shifts, lets the padding
take part, and shifts maps of one window too. Its keys are those of the official code.

Letters: B samples; C channels; H, W the input's size; h, w a map's own size; N tokens of a window.
"""

from collections.abc import Sequence

import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn
from torch.nn import functional as F

from networks.checkpointing import run_checkpointed
from networks.padding import crop_to, pad_to_multiple
from networks.swin_weights import load_classifier

_PATCH = 4


class Swin(nn.Module):
    """Four feature maps of an image, at 1/4, 1/8, 1/16 and 1/32 of its size.

    Args:
        width: Channels of the first map; each further one has twice as many.
        depths: Blocks of each stage.
        heads: Attention heads of each stage.
        window: Height and width of the attention windows, in tokens.
        drop_path: Probability of skipping a branch in training, rising linearly from 0 at the
            first block to this at the last.
        num_checkpointed: Stages, from the highest resolution down, that are recomputed in the
            backward pass instead of keeping their activations.
        weights: Of a classifier to start from, see `networks.swin_weights.load_classifier`. None:
            random.

    Raises:
        WeightsError: If `weights` cannot be had or do not fit.
    """

    def __init__(
        self,
        width: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        *,
        heads: Sequence[int] = (3, 6, 12, 24),
        window: int = 7,
        drop_path: float = 0.2,
        num_checkpointed: int = 0,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        self.num_checkpointed = num_checkpointed
        self.channels = tuple(width * 2**stage for stage in range(len(depths)))
        self.patch_embed = _PatchEmbed(width)
        total = sum(depths)
        rates = [drop_path * block / max(total - 1, 1) for block in range(total)]
        self.layers = nn.ModuleList()
        for stage, (channels, depth) in enumerate(zip(self.channels, depths, strict=True)):
            is_last = stage == len(depths) - 1
            drops, rates = rates[:depth], rates[depth:]
            self.layers.append(_Stage(channels, heads[stage], window, drops, merges=not is_last))
            self.add_module(f"norm{stage}", nn.LayerNorm(channels))
        self.apply(_initialise)
        if weights is not None:
            load_classifier(self, weights)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the feature maps of an image.

        Args:
            image: ``(B, 3, H, W)`` float, normalised. Any size from 1 px; sizes that no map divides
                are continued by zeros to the right and below.

        Returns:
            ``(B, C, h, w)`` float each, the finest first.
        """
        x = self.patch_embed(image)
        features: list[Tensor] = []
        for stage, layer in enumerate(self.layers):
            assert isinstance(layer, _Stage)
            recomputed = stage < self.num_checkpointed and torch.is_grad_enabled()
            x = run_checkpointed(layer, x, is_random=True) if recomputed else layer(x)
            norm: nn.Module = getattr(self, f"norm{stage}")
            features.append(norm(x).permute(0, 3, 1, 2).contiguous())
            x = layer.downsample(x)
        return features


class SwinT(Swin):
    """The tiny one: 28 M parameters, windows of 7."""

    def __init__(
        self, drop_path: float = 0.2, num_checkpointed: int = 0, weights: str | None = None
    ) -> None:
        super().__init__(drop_path=drop_path, num_checkpointed=num_checkpointed, weights=weights)


class SwinS(Swin):
    """The small one: 49 M parameters, windows of 7."""

    def __init__(
        self, drop_path: float = 0.2, num_checkpointed: int = 0, weights: str | None = None
    ) -> None:
        super().__init__(
            depths=(2, 2, 18, 2),
            drop_path=drop_path,
            num_checkpointed=num_checkpointed,
            weights=weights,
        )


class SwinB(Swin):
    """The base one: 87 M parameters, windows of 12."""

    def __init__(
        self, drop_path: float = 0.2, num_checkpointed: int = 0, weights: str | None = None
    ) -> None:
        super().__init__(
            128,
            (2, 2, 18, 2),
            heads=(4, 8, 16, 32),
            window=12,
            drop_path=drop_path,
            num_checkpointed=num_checkpointed,
            weights=weights,
        )


class SwinL(Swin):
    """The large one: 195 M parameters, windows of 12."""

    def __init__(
        self, drop_path: float = 0.2, num_checkpointed: int = 0, weights: str | None = None
    ) -> None:
        super().__init__(
            192,
            (2, 2, 18, 2),
            heads=(6, 12, 24, 48),
            window=12,
            drop_path=drop_path,
            num_checkpointed=num_checkpointed,
            weights=weights,
        )


class _PatchEmbed(nn.Module):
    """``(B, 3, H, W)`` to ``(B, h, w, C)``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, _PATCH, stride=_PATCH)
        self.norm = nn.LayerNorm(width)

    def forward(self, image: Tensor) -> Tensor:
        image = pad_to_multiple(image, _PATCH)
        return self.norm(self.proj(image).permute(0, 2, 3, 1))


class _Stage(nn.Module):
    """Blocks at one resolution, and what leads to the next; ``(B, h, w, C)`` in and out."""

    def __init__(
        self, channels: int, heads: int, window: int, drops: list[float], *, merges: bool
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            _Block(channels, heads, window, shift=window // 2 * (number % 2), drop_path=drop)
            for number, drop in enumerate(drops)
        )
        self.downsample = _PatchMerging(channels) if merges else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class _Block(nn.Module):
    """Attention inside windows, and a perceptron."""

    def __init__(
        self, channels: int, heads: int, window: int, *, shift: int, drop_path: float
    ) -> None:
        super().__init__()
        self.window, self.shift = window, shift
        self.norm1 = nn.LayerNorm(channels)
        self.attn = _WindowAttention(channels, heads, window)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = _Perceptron(channels)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self._attend(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))

    def _attend(self, x: Tensor) -> Tensor:
        window, shift = self.window, self.shift
        whole = pad_to_multiple(x, window, layout="channels_last")
        size = whole.shape[1:3]
        if shift:
            apart = _apart(size, window, shift, whole)
            parts = self.attn(_divide(whole.roll((-shift, -shift), (1, 2)), window), apart)
            whole = _join(parts, size).roll((shift, shift), (1, 2))
        else:
            whole = _join(self.attn(_divide(whole, window), None), size)
        return crop_to(whole, x, layout="channels_last")


class _WindowAttention(nn.Module):
    """Attention of the tokens of each window to each other, with a bias by relative position."""

    relative_position_index: Tensor

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        places = (2 * window - 1) ** 2
        self.relative_position_bias_table = nn.Parameter(torch.zeros(places, heads))
        self.register_buffer("relative_position_index", _relative_positions(window))
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, x: Tensor, apart: Tensor | None) -> Tensor:
        """Attend inside each window.

        Args:
            x: ``(B, windows, N, C)`` float.
            apart: ``(windows, 1, N, N)`` float to add to the scores; None where every token may
                look at every other.
        """
        batch, windows, tokens, channels = x.shape
        qkv = self.qkv(x).view(batch, windows, tokens, 3, self.heads, -1)
        query, key, value = qkv.permute(3, 0, 1, 4, 2, 5)  # (B, windows, heads, N, channels)
        bias = self.relative_position_bias_table[self.relative_position_index]
        bias = bias.permute(2, 0, 1).to(query.dtype)
        if apart is not None:
            # one row of heads for all windows: the bias is not repeated over the batch
            bias = (bias + apart.to(query.dtype)).flatten(0, 1)
        query, key, value = (
            z.flatten(0, 1) if apart is None else z.flatten(1, 2) for z in (query, key, value)
        )
        x = F.scaled_dot_product_attention(query, key, value, attn_mask=bias[None])
        x = x.reshape(batch, windows, self.heads, tokens, -1).transpose(2, 3)
        return self.proj(x.reshape(batch, windows, tokens, channels))


class _Perceptron(nn.Module):
    """Two layers with a GELU between them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, 4 * channels)
        self.fc2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class _PatchMerging(nn.Module):
    """``(B, h, w, C)`` to ``(B, h/2, w/2, 2C)``, rounded up."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * channels, 2 * channels, bias=False)
        self.norm = nn.LayerNorm(4 * channels)

    def forward(self, x: Tensor) -> Tensor:
        x = pad_to_multiple(x, 2, layout="channels_last")
        # the four neighbours column by column, as the weights expect
        parts = [x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.reduction(self.norm(torch.cat(parts, -1)))


def _divide(x: Tensor, window: int) -> Tensor:
    """Return the windows of ``(B, h, w, C)`` as ``(B, windows, N, C)``."""
    batch, height, width, channels = x.shape
    x = x.view(batch, height // window, window, width // window, window, channels)
    return x.transpose(2, 3).reshape(batch, -1, window * window, channels)


def _join(x: Tensor, size: Sequence[int]) -> Tensor:
    """Return ``(B, h, w, C)`` of its windows ``(B, windows, N, C)``."""
    batch, _, tokens, channels = x.shape
    window = round(tokens**0.5)
    height, width = size
    x = x.view(batch, height // window, width // window, window, window, channels)
    return x.transpose(2, 3).reshape(batch, height, width, channels)


def _apart(size: Sequence[int], window: int, shift: int, like: Tensor) -> Tensor:
    """Return ``(windows, 1, N, N)``: minus infinity between tokens that only the shift joined."""
    rows, columns = (_regions(length, window, shift, like) for length in size)
    region = 3 * rows[:, None] + columns[None, :]
    region = _divide(region[None, :, :, None], window)[0, :, None, :, 0]
    is_apart = region[..., :, None] != region[..., None, :]
    return torch.zeros_like(is_apart, dtype=like.dtype).masked_fill(is_apart, float("-inf"))


def _regions(length: int, window: int, shift: int, like: Tensor) -> Tensor:
    """Return 0 before the last window, then 1, and 2 for what the shift brought there."""
    places = torch.arange(length, device=like.device)
    return (places >= length - window).long() + (places >= length - shift).long()


def _relative_positions(window: int) -> Tensor:
    """Return ``(N, N)`` int64: the row of the bias table for each pair of tokens."""
    row, column = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    place = torch.stack((row.flatten(), column.flatten()))
    down, right = place[:, :, None] - place[:, None, :] + window - 1
    return down * (2 * window - 1) + right


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
