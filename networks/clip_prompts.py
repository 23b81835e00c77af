"""CLIP's image encoder with learned prompts before each of its blocks.

Deep visual prompt tuning (Jia et al., "Visual Prompt Tuning", ECCV 2022) as ZegCLIP has it (Zhou et
al., CVPR 2023). Letters: B images; h, w patches down and across; P prompts; L blocks; W the
encoder's width; D CLIP's dimension.
"""

from typing import NamedTuple

import torch
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F


class ImageFeatures(NamedTuple):
    """What the image encoder sees; all vectors have length 1."""

    patches: Tensor
    """``(B, D, h, w)`` float."""
    image: Tensor
    """``(B, D)`` float, the class token."""


class DeepPrompts(nn.Module):
    """Tokens that take the place of the ones before, at each block anew.

    Args:
        num_layers: L.
        num_prompts: P.
        width: W.
        patch_size: Of the encoder in pixels; the first values depend on it.
        dropout: Share of the prompts' values that training sets to 0.
    """

    def __init__(
        self, num_layers: int, num_prompts: int, *, width: int, patch_size: int, dropout: float
    ) -> None:
        super().__init__()
        bound = (6 / (3 * patch_size**2 + width)) ** 0.5
        self.tokens = nn.Parameter(
            torch.empty(num_layers, num_prompts, width).uniform_(-bound, bound)
        )
        self.proj = nn.Linear(width, width)
        nn.init.kaiming_normal_(self.proj.weight, mode="fan_out")
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.dropout = nn.Dropout(dropout)

    def forward(self, num_images: int) -> Tensor:
        """Return the prompts of each block and image, ``(L, B, P, W)``."""
        tokens: Tensor = self.proj(self.tokens)
        return self.dropout(tokens[:, None].expand(-1, num_images, -1, -1))


def encode_image(
    visual: VisionTransformer,
    image: Tensor,
    *,
    prompts: DeepPrompts | None = None,
    double_class_embedding: bool = False,
) -> ImageFeatures:
    """Return the features of images of any size.

    Args:
        visual: Keeps its weights; its position grid is resized to the image's (bilinear).
        image: ``(B, 3, H, W)`` float, normalised; H and W multiples of the patch.
        prompts: Set in after the class token. None: the encoder as it is.
        double_class_embedding: Whether the class embedding is added twice, as ZegCLIP does by an
            oversight that its weights were trained with.
    """
    patches = visual.conv1(image)
    size = tuple(patches.shape[-2:])
    first = visual.class_embedding * (2 if double_class_embedding else 1)
    x = torch.cat((first.expand(len(image), 1, -1), patches.flatten(2).transpose(1, 2)), 1)
    x = visual.ln_pre(x + _positions(visual, size))
    if prompts is None:
        for block in visual.transformer.resblocks:
            x = block(x)
    else:
        for block, tokens in zip(
            visual.transformer.resblocks, prompts(len(image)).to(x.dtype), strict=True
        ):
            x = block(torch.cat((x[:, :1], tokens, x[:, -size[0] * size[1] :]), 1))
        x = prompts.norm(x)
    x = F.normalize(visual.ln_post(x) @ visual.proj, dim=-1)
    tokens = x[:, -size[0] * size[1] :]
    return ImageFeatures(tokens.transpose(1, 2).reshape(len(x), -1, *size), x[:, 0])


def _positions(visual: VisionTransformer, size: tuple[int, ...]) -> Tensor:
    """Return ``(1, 1 + h w, W)``."""
    positions = visual.positional_embedding
    if tuple(visual.grid_size) == size:
        return positions[None]
    grid = positions[1:].T.reshape(1, -1, *visual.grid_size)
    resized = F.interpolate(grid, size=size, mode="bilinear", align_corners=False)
    return torch.cat((positions[None, :1], resized.flatten(2).transpose(1, 2)), 1)
