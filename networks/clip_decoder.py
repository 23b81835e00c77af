"""Which patch belongs to which name: relationship descriptor and matching decoder of ZegCLIP.

Zhou et al., "ZegCLIP: Towards adapting CLIP for zero-shot semantic segmentation", CVPR 2023; the
decoder is that of SegViT (Zhang et al., NeurIPS 2022). What their last layer computes beside its
mask, and all attention between names, reaches no result and is left out.

Letters: B images; C names; N = h w patches; D CLIP's dimension.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from networks.clip_prompts import ImageFeatures


class MatchingDecoder(nn.Module):
    """Logits of each name at each patch; names do not see each other, so any number will do.

    Args:
        dim: D.
        num_layers: The last one returns the logits, those before refine what is looked for.
        num_heads: Divide `dim`.
        dropout: Of attention and of both branches.
        prior: Score that every name has at every patch before training, in (0, 1). Most names are
            at most patches wrong, and where training begins at one half it first spoils the
            features to say so (Lin et al., "Focal loss for dense object detection", ICCV 2017,
            section 3.3, has .01); one half is ZegCLIP's.

    Raises:
        ValueError: If there is no layer, the heads do not divide `dim`, or `prior` is no score.
    """

    def __init__(
        self,
        dim: int,
        *,
        num_layers: int = 3,
        num_heads: int = 8,
        dropout: float = 0.1,
        prior: float = 0.01,
    ) -> None:
        super().__init__()
        if num_layers < 1 or dim % num_heads:
            raise ValueError(
                f"num_layers {num_layers} must be 1 or more and num_heads {num_heads} divide {dim}"
            )
        if not 0 < prior < 1:
            raise ValueError(f"prior is {prior}: give a score between 0 and 1")
        self.descriptor = nn.Linear(2 * dim, dim)
        self.layers = nn.ModuleList(
            [MatchingLayer(dim, num_heads, dropout=dropout) for _ in range(num_layers - 1)]
        )
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        # the mean over heads of q k / sqrt(dim of a head) is one product over all channels
        self.scale = (dim / num_heads) ** -0.5 / num_heads
        self.apply(_initialise)
        # there is no bias behind the product, so the product of the two biases is it
        start = math.log(prior / (1 - prior))
        root = math.sqrt(abs(start) / (dim * self.scale))
        nn.init.constant_(self.query.bias, root)
        nn.init.constant_(self.key.bias, math.copysign(root, start))

    def forward(self, features: ImageFeatures, text: Tensor) -> Tensor:
        """Return ``(B, C, h, w)`` float logits.

        Args:
            features: Of the images.
            text: ``(C, D)`` unit vectors of the names, or ``(B, C, D)`` of each image's own.
        """
        text = text.expand(len(features.image), -1, -1)
        # a name as this image has it, beside the name itself
        queries = self.descriptor(torch.cat((features.image[:, None] * text, text), -1))
        patches = features.patches.flatten(2).transpose(1, 2)
        for layer in self.layers:
            queries = layer(queries, patches)
        logits = self.scale * self.query(queries) @ self.key(patches).mT
        return logits.unflatten(2, features.patches.shape[-2:])


class MatchingLayer(nn.Module):
    """Cross-attention of names to patches, then two linear layers; norms after the sums.

    Args:
        dim: D.
        num_heads: Divide `dim`.
        dropout: Of attention and of both branches.
    """

    def __init__(self, dim: int, num_heads: int, *, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)
        self.norm_1 = nn.LayerNorm(dim)
        self.expand = nn.Linear(dim, 4 * dim)
        self.contract = nn.Linear(4 * dim, dim)
        self.norm_2 = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, patches: Tensor) -> Tensor:
        """Return ``(B, C, D)``.

        Args:
            queries: ``(B, C, D)`` float.
            patches: ``(B, N, D)`` float.
        """
        q, k, v = (
            projected.unflatten(2, (self.num_heads, -1)).transpose(1, 2)
            for projected in (self.query(queries), self.key(patches), self.value(patches))
        )
        dropped = self.dropout.p if self.training else 0.0
        seen = F.scaled_dot_product_attention(q, k, v, dropout_p=dropped)
        x = self.norm_1(queries + self.dropout(self.out(seen.transpose(1, 2).flatten(2))))
        hidden = self.dropout(F.relu(self.expand(x)))
        return self.norm_2(x + self.dropout(self.contract(hidden)))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
