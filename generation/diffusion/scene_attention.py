"""Self-attention that reads another image's scene without one of its parts.

MasaCtrl lets an edit read the keys and values of its source (`generation.diffusion.attention`).
Here the counterfactual reads them everywhere but where the object is: what takes the object's
place is made of what stands around it (as in Attentive Eraser, Sun et al., AAAI 2025).

Letters: N rows of the batch that the U-Net sees; h, w size of the latents.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch.nn.functional as F
from torch import Tensor

from generation.diffusion.attention import AttentionProcessor
from generation.diffusion.loading import Network

_UNREAD = -1e4
"""Added to the score of what is not read: e to that power is 0 in any precision, and where nothing
else is left, the sum of equal numbers changes nothing. float16 holds it."""


class SceneReading:
    """Whose keys and values each row reads, and which places of it are left out.

    Attributes:
        rows: ``(N,)`` int64, row i reads those of row ``rows[i]``. None: each its own.
        hidden: ``(N, 1, h, w)`` bool, places that row i does not read.
    """

    def __init__(self) -> None:
        self.rows: Tensor | None = None
        self.hidden: Tensor | None = None


@contextmanager
def scene_attention(unet: Network) -> Iterator[SceneReading]:
    """Let rows of a batch read the scene of other rows, as long as the context lasts.

    Args:
        unet: ``diffusers.UNet2DConditionModel``, its projections not fused.

    Yields:
        What each row reads; as it comes, its own.
    """
    reading = SceneReading()
    layers = [
        module for module in unet.modules() if getattr(module, "is_cross_attention", None) is False
    ]
    processors = [layer.get_processor() for layer in layers]
    try:
        for layer, inner in zip(layers, processors, strict=True):
            layer.set_processor(_SceneAttention(inner, reading))
        yield reading
    finally:
        for layer, inner in zip(layers, processors, strict=True):
            layer.set_processor(inner)


class _SceneAttention:
    """Hands the processor within another row's features, and a mask over their places."""

    def __init__(self, inner: AttentionProcessor, reading: SceneReading) -> None:
        self.inner = inner
        self.reading = reading

    def __call__(
        self,
        attn: Network,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        rows, hidden = self.reading.rows, self.reading.hidden
        if rows is not None and hidden is not None and encoder_hidden_states is None:
            encoder_hidden_states = hidden_states.index_select(0, rows)
            attention_mask = _bias(hidden, hidden_states.shape[1]).to(hidden_states.dtype)
        return self.inner(attn, hidden_states, encoder_hidden_states, attention_mask, temb)


def _bias(hidden: Tensor, places: int) -> Tensor:
    """Return ``(N, 1, places)`` that is added to the scores of a layer's places."""
    height, width = hidden.shape[-2:]
    tall = round((places * height / width) ** 0.5)
    shrunk = F.adaptive_max_pool2d(hidden.float(), (tall, places // tall))
    return _UNREAD * shrunk.flatten(2)
