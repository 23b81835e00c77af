"""Where a U-Net looks for some of the words of its prompt.

The cross-attention of a text-to-image model says which words each place of the image reads: summed
over layers and steps it outlines what they name (Tang et al., "What the DAAM", ACL 2023; Hertz et
al., "Prompt-to-Prompt", ICLR 2023, whose local blend thresholds it).

Letters: N rows of the batch that the U-Net sees; B images; h, w size of their latents; L tokens.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

from generation.diffusion.attention import AttentionProcessor
from generation.diffusion.loading import Network


class WordMaps:
    """Attention to words, summed as a U-Net runs.

    Args:
        rows: Of the batch, those that are looked at: B of them.
        words: ``(B, L)`` float, 1 at the tokens of the words.
        size: (h, w) of the latents.
    """

    def __init__(self, rows: slice, words: Tensor, size: tuple[int, int]) -> None:
        self.rows = rows
        self.words = words
        self.size = size
        self.total = words.new_zeros(len(words), 1, *size)

    def add(self, probabilities: Tensor) -> None:
        """Add the attention of a layer, ``(B, heads, places, L)``."""
        height, width = self.size
        own = (probabilities * self.words[:, None, None]).sum(-1).mean(1)
        tall = round((own.shape[1] * height / width) ** 0.5)
        seen = own.view(len(own), 1, tall, -1).to(self.total.dtype)
        self.total += F.interpolate(seen, self.size, mode="bilinear", align_corners=False)

    def region(self, threshold: float, *, margin: int = 1) -> Tensor:
        """Return where the words were found, ``(B, 1, h, w)`` bool; never nowhere.

        Args:
            threshold: Share of the strongest attention, in (0, 1].
            margin: Latents by which it is widened.
        """
        low = self.total.amin((2, 3), keepdim=True)
        spread = self.total.amax((2, 3), keepdim=True) - low
        found = (self.total - low >= threshold * spread).float()
        return F.max_pool2d(found, 2 * margin + 1, stride=1, padding=margin) > 0


@contextmanager
def recorded(unet: Network, maps: WordMaps) -> Iterator[None]:
    """Let a U-Net of diffusers add to maps of words, as long as the context lasts.

    Its output does not change; the processors that were there go on computing it.

    Args:
        unet: ``diffusers.UNet2DConditionModel``, its projections not fused.
        maps: Are added to.
    """
    layers = [
        module for module in unet.modules() if getattr(module, "is_cross_attention", None) is True
    ]
    processors = [layer.get_processor() for layer in layers]
    try:
        for layer, inner in zip(layers, processors, strict=True):
            layer.set_processor(_Recording(inner, maps))
        yield
    finally:
        for layer, inner in zip(layers, processors, strict=True):
            layer.set_processor(inner)


def word_tokens(tokenizer: Network, text: str, spans: Sequence[tuple[int, int]]) -> list[int]:
    """Return the places of the tokens of some parts of a text, the first of all texts being 0.

    A part that ends behind what the text encoder reads has none.

    Args:
        tokenizer: Of CLIP's kind; each of its tokens lies within one word.
        text: As the model is given it.
        spans: First character of each part, and the one behind its last.
    """
    limit = int(tokenizer.model_max_length) - 1  # the last place is the end's
    places: list[int] = []
    for start, stop in spans:
        first, last = (_num_tokens(tokenizer, text[:end]) + 1 for end in (start, stop))
        if last <= limit:
            places += range(first, last)
    return places


def _num_tokens(tokenizer: Network, text: str) -> int:
    return len(tokenizer(text, add_special_tokens=False).input_ids) if text.strip() else 0


class _Recording:
    """Hands on to the processor within, and computes the attention to all words besides."""

    def __init__(self, inner: AttentionProcessor, maps: WordMaps) -> None:
        self.inner = inner
        self.maps = maps

    def __call__(
        self,
        attn: Network,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        if encoder_hidden_states is not None:
            rows = self.maps.rows
            query, key = (
                _heads(layer(states[rows]), attn.heads)
                for layer, states in (
                    (attn.to_q, hidden_states),
                    (attn.to_k, encoder_hidden_states),
                )
            )
            scores = torch.matmul(query, key.transpose(-1, -2)).float() * attn.scale
            self.maps.add(scores.softmax(-1))
        return self.inner(attn, hidden_states, encoder_hidden_states, attention_mask, temb)


def _heads(states: Tensor, heads: int) -> Tensor:
    """Return ``(B, heads, places, channels)`` of ``(B, places, heads channels)``."""
    return states.view(*states.shape[:2], heads, -1).transpose(1, 2)
