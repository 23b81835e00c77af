"""A segmenter that is told in words what to look for."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from generation.filters.vision_language import load_pretrained
from generation.prompts.wording import spoken
from networks.outputs import Outputs


class ImageAndClasses(Protocol):
    """What is read of a batch."""

    @property
    def image(self) -> Tensor:
        """``(B, 3, H, W)`` float RGB in [0, 1]."""

    @property
    def class_names(self) -> Sequence[tuple[str, ...]]:
        """Of each image; the first is looked for."""


class TextSegmenter(nn.Module):
    """CLIPSeg of transformers as a network of ours: a mask for the name of a class.

    Image Segmentation Using Text and Image Prompts (CVPR 2022). Its weights are Apache-2.0.

    Args:
        model: Hub id or folder.
        revision: Of the hub: a branch, tag or commit.

    Raises:
        ModelNotFound: If the model is neither here nor to be had.
        ValueError: If it is no model of images and words.
    """

    def __init__(
        self, model: str = "CIDAS/clipseg-rd64-refined", *, revision: str = "main"
    ) -> None:
        from transformers import CLIPSegForImageSegmentation

        super().__init__()
        self.pretrained = load_pretrained(model, CLIPSegForImageSegmentation, revision=revision)
        self.net: nn.Module = self.pretrained.net

    @torch.no_grad()
    def forward(self, batch: ImageAndClasses) -> Outputs:
        """Return logits ``(B, 1, h, w)`` of the first class of each image, at the model's size."""
        texts = [spoken(names[0]) for names in batch.class_names]
        words = self.pretrained.words(texts, batch.image.device)
        logits = self.net(pixel_values=self.pretrained.pixels(batch.image), **words).logits
        return Outputs(logits=[logits.float().view(len(texts), 1, *logits.shape[-2:])])
