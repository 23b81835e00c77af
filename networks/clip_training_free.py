"""Segmentation by CLIP as it was trained: only the attention of the last layer is another.

CLIP's image encoder gathers what it knows of an image in one token, and its last layer mixes the
patches for that. Taken apart again, patches can be compared with names: MaskCLIP (Zhou, Loy and
Dai, "Extract Free Dense Labels from CLIP", ECCV 2022) leaves the mixing out, SCLIP (Wang, Mei and
Yuille, ECCV 2024) lets each patch look at those that are like it. Nothing is trained, so this is
the floor for whatever is.

Letters: B images; H, W height and width; C names; D CLIP's dimension; h, w grid of patches; L
tokens, a class token and the patches; N heads; E channels of a head.
"""

from collections.abc import Sequence

import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from open_clip.model import CLIP
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F


class PlainAttention(nn.Module):
    """CLIP's own attention, whose patches are of little use; for comparison."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return ``(B, N, L, E)`` of three such."""
        return F.scaled_dot_product_attention(query, key, value)


class ValueAttention(nn.Module):
    """MaskCLIP's: each token keeps its own value."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return ``(B, N, L, E)`` of three such."""
        return value


class CorrelativeAttention(nn.Module):
    """SCLIP's: the sum of the attention of queries to queries and of keys to keys.

    The sum is not halved, as in the authors' code.
    """

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return ``(B, N, L, E)`` of three such."""
        of_queries = F.scaled_dot_product_attention(query, query, value)
        return of_queries + F.scaled_dot_product_attention(key, key, value)


class TrainingFreeClip(nn.Module):
    """A CLIP whose patches are compared with names.

    Args:
        clip: With a ViT of one class token, see `networks.clip_model.clip_model`. It is frozen.
        attention: Of the last layer, from ``(B, N, L, E)`` queries, keys and values.
        mean: Taken off each channel.
        std: Each channel is then divided by it.

    Raises:
        ValueError: If the image encoder is another than open_clip's plain ViT, or pools otherwise
            than by a class token.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        clip: CLIP,
        attention: nn.Module,
        *,
        mean: Sequence[float] = OPENAI_DATASET_MEAN,
        std: Sequence[float] = OPENAI_DATASET_STD,
    ) -> None:
        super().__init__()
        visual = clip.visual
        if not isinstance(visual, VisionTransformer) or visual.attn_pool is not None:
            raise ValueError(
                f"the image encoder is {type(visual).__name__}, possibly with a pooling of its "
                "own: choose a CLIP with a plain ViT, like ViT-B-16-quickgelu"
            )
        if visual.pool_type != "tok":
            raise ValueError(
                f"the image encoder pools by {visual.pool_type}, without a class token: choose a "
                "CLIP whose ViT has one, like ViT-B-16-quickgelu"
            )
        self.clip = clip.requires_grad_(False).eval()
        self.attention = attention
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor, text_embeddings: Tensor) -> Tensor:
        """Return the cosine of every pixel's patch and every name, ``(B, C, H, W)`` in [-1, 1].

        Args:
            images: ``(B, 3, H, W)`` float RGB in [0, 1], of any size.
            text_embeddings: ``(C, D)`` float unit vectors, `networks.clip_text.embed_names`.
        """
        patches = F.normalize(self.patches(images), dim=1)
        cosines = torch.einsum("bdhw,cd->bchw", patches, text_embeddings.to(patches))
        return F.interpolate(cosines, size=images.shape[-2:], mode="bilinear")

    def patches(self, images: Tensor) -> Tensor:
        """Return the patches in CLIP's common space, ``(B, D, h, w)`` float.

        Args:
            images: ``(B, 3, H, W)`` float RGB in [0, 1]. A side that is no multiple of the patch
                is stretched to the next one.
        """
        visual = self.clip.visual
        assert isinstance(visual, VisionTransformer)
        high, wide = visual.patch_size
        grid = -(-images.shape[-2] // high), -(-images.shape[-1] // wide)
        whole = (grid[0] * high, grid[1] * wide)
        if images.shape[-2:] != whole:
            images = F.interpolate(images, size=whole, mode="bilinear")
        x = _tokens(visual, (images - self.mean) / self.std, grid)
        *blocks, last = visual.transformer.resblocks
        for block in blocks:
            x = block(x)
        assert isinstance(last, ResidualAttentionBlock)
        x = x + last.ls_1(self._attended(last.attn, last.ln_1(x)))
        x = x + last.ls_2(last.mlp(last.ln_2(x)))
        return (visual.ln_post(x[:, 1:]) @ visual.proj).mT.reshape(len(x), -1, *grid)

    def _attended(self, attn: nn.MultiheadAttention, x: Tensor) -> Tensor:
        """Return ``(B, L, N * E)`` of such, by the projections of `attn`."""
        projected = F.linear(x, attn.in_proj_weight, attn.in_proj_bias)
        query, key, value = (
            part.reshape(*part.shape[:2], attn.num_heads, -1).transpose(1, 2)
            for part in projected.chunk(3, dim=2)
        )
        return attn.out_proj(self.attention(query, key, value).transpose(1, 2).flatten(2))


def resize_positions(positions: Tensor, stored: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """Return position embeddings for another grid; the class token's stays.

    Bicubic without antialiasing, as in SCLIP's code.

    Args:
        positions: ``(1 + stored[0] * stored[1], channels)`` float.
        stored: (rows, columns) that they belong to.
        grid: (rows, columns) wanted.

    Returns:
        ``(1 + grid[0] * grid[1], channels)`` float.
    """
    if stored == grid:
        return positions
    plane = positions[1:].T.reshape(1, -1, *stored)
    resized = F.interpolate(plane, size=grid, mode="bicubic")[0].flatten(1).T
    return torch.cat([positions[:1], resized])


def _tokens(visual: VisionTransformer, pixels: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return class token and patches before the first layer, ``(B, L, channels)``."""
    patches = visual.conv1(pixels).flatten(2).transpose(1, 2)
    token = visual.class_embedding.to(patches).expand(len(patches), 1, -1)
    positions = resize_positions(visual.positional_embedding, visual.grid_size, grid)
    return visual.ln_pre(torch.cat([token, patches], 1) + positions.to(patches))
