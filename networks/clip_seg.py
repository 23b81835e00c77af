"""A segmenter of whatever can be named: CLIP, prompts in it, and a decoder that matches.

The network of ZegCLIP (Zhou et al., CVPR 2023, code MIT), which MagicSeg trains. Letters: B images;
H, W their size; C names; D CLIP's dimension; h, w patches.
"""

from collections.abc import Sequence
from hashlib import blake2b

import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from open_clip.model import CLIP
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from networks.clip_decoder import MatchingDecoder
from networks.clip_prompts import DeepPrompts, ImageFeatures, encode_image
from networks.clip_text import SCENE, embed_names
from networks.clip_zegclip import NETWORK, from_zegclip, is_zegclip
from networks.weights import load_weights


class ClipSeg(nn.Module):
    """Mask logits of names. Both encoders are frozen; prompts and decoder learn.

    Args:
        clip: Its image encoder must be a vision transformer with a class token.
        num_prompts: Learned tokens before each block; 0 leaves the image encoder as it is.
        train_image_encoder: Whether the image encoder learns too (full fine-tuning).
        num_layers: Of the decoder.
        num_heads: Of the decoder.
        dropout: In prompts and decoder.
        prior: Score of every name before training, see `MatchingDecoder`.
        double_class_embedding: What ZegCLIP's weights need, see `encode_image`.
        templates: Sentences in which ``{}`` stands for a name.
        mean: Taken off each channel of the image.
        std: Each channel is then divided by it.
        weights: Of the whole network, see `networks.weights.load_weights`. None: those of `clip`,
            and fresh prompts and decoder. A checkpoint of ZegCLIP's code, MagicSeg's included, is
            told by its keys, and needs what `networks.clip_zegclip.from_zegclip` says.

    Raises:
        ValueError: If `clip` has no such image encoder, or a number is out of its range.
        WeightsError: If `weights` cannot be had or do not fit.

    Example:
        >>> from networks.clip_model import small_clip
        >>> net = ClipSeg(small_clip(num_layers=2)).eval()
        >>> net(torch.zeros(1, 3, 48, 64), net.embed(["chair", "bicycle"])).shape
        torch.Size([1, 2, 48, 64])
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        clip: CLIP,
        *,
        num_prompts: int = 10,
        train_image_encoder: bool = False,
        num_layers: int = 3,
        num_heads: int = 8,
        dropout: float = 0.1,
        prior: float = 0.01,
        double_class_embedding: bool = False,
        templates: Sequence[str] = SCENE,
        mean: Sequence[float] = OPENAI_DATASET_MEAN,
        std: Sequence[float] = OPENAI_DATASET_STD,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        visual = clip.visual
        if not isinstance(visual, VisionTransformer) or visual.pool_type != "tok":
            raise ValueError(
                f"the image encoder is a {type(visual).__name__}: ClipSeg needs open_clip's vision "
                "transformer with a class token, such as ViT-B-16-quickgelu"
            )
        if num_prompts < 0:
            raise ValueError(f"num_prompts is {num_prompts}: give 0 or more")
        self.clip = clip.requires_grad_(False)
        visual.requires_grad_(train_image_encoder)
        self.prompts = (
            DeepPrompts(
                len(visual.transformer.resblocks),
                num_prompts,
                width=len(visual.class_embedding),
                patch_size=visual.patch_size[0],
                dropout=dropout,
            )
            if num_prompts
            else None
        )
        self.decoder = MatchingDecoder(
            visual.output_dim,
            num_layers=num_layers,
            num_heads=num_heads,
            dropout=dropout,
            prior=prior,
        )
        self.double_class_embedding = double_class_embedding
        self.templates = tuple(templates)
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)
        self.register_load_state_dict_post_hook(_forget)  # type: ignore[no-untyped-call]
        if weights is not None:
            load_weights(self, weights, rename=self._own_names)

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        """Return ``(B, C, H, W)`` float32 logits; the sigmoid of one is the name's score.

        Args:
            image: ``(B, 3, H, W)`` float RGB in [0, 1], any size.
            text: ``(C, D)`` unit vectors, see `embed`; or ``(B, C, D)``, names of each image.
        """
        logits = self.decoder(self.encode(image), text).float()
        return F.interpolate(logits, image.shape[-2:], mode="bilinear", align_corners=False)

    def encode(self, image: Tensor) -> ImageFeatures:
        """Return the features of ``(B, 3, H, W)`` float RGB images in [0, 1], any size.

        A size that the patches do not divide is stretched to the next one that they do: then all
        of the image is seen, and nothing beside it.
        """
        patch = self.clip.visual.patch_size
        size = [-(-side // step) * step for side, step in zip(image.shape[-2:], patch, strict=True)]
        if list(image.shape[-2:]) != size:
            image = F.interpolate(image, size, mode="bilinear", align_corners=False)
        return encode_image(
            self.clip.visual,
            (image - self.mean) / self.std,
            prompts=self.prompts,
            double_class_embedding=self.double_class_embedding,
        )

    def embed(self, names: Sequence[str]) -> Tensor:
        """Return the names' unit vectors, ``(C, D)`` float32; a vocabulary is encoded once.

        Raises:
            ValueError: See `networks.clip_text.embed_names`.
        """
        key = _PREFIX + blake2b("\n".join(names).encode(), digest_size=8).hexdigest()
        if key not in self._buffers:
            text = embed_names(self.clip, names, templates=self.templates)
            self.register_buffer(key, text, persistent=False)
        return self.get_buffer(key)

    def _own_names(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        if not is_zegclip(state):
            return state
        found = from_zegclip(state).state
        grid, own = found.get(_POSITIONS), self.clip.visual.positional_embedding
        if not self.double_class_embedding or (grid is not None and len(grid) != len(own)):
            raise ValueError(f"they are those of {NETWORK}")
        return found


_PREFIX = "text_"
_POSITIONS = "clip.visual.positional_embedding"


def _forget(net: nn.Module, _: object) -> None:
    """Drop the vectors of names that other weights made."""
    for key in [key for key in net._buffers if key.startswith(_PREFIX)]:
        delattr(net, key)
