"""Mutual self-attention: what is edited takes its content from what it is edited from.

MasaCtrl (Cao et al., ICCV 2023, arXiv 2304.08465, section 4.1): while the source and its edit are
sampled side by side, self-attention of the edit keeps its own queries but reads keys and values of
the source. The queries hold the layout, which the prompt changes; keys and values hold the parts.

Letters: N rows of the batch that the U-Net sees; H, W size of a feature map; C its channels.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

_BLOCKS = ("down_blocks", "mid_block", "up_blocks")
"""Of a U-Net of diffusers, in the order in which they run; its own lists have the middle last."""


class AttentionProcessor(Protocol):
    """Computes an attention layer of diffusers."""

    def __call__(
        self,
        attn: nn.Module,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """Return the layer's output; the arguments are those of diffusers."""
        ...


class Reading:
    """Whose keys and values each row of the batch reads; shared by all layers of a U-Net.

    Attributes:
        rows: ``(N,)`` int64, row i reads those of row ``rows[i]``. None: each row its own, which is
            the U-Net as it was, bit for bit.
    """

    def __init__(self) -> None:
        self.rows: Tensor | None = None


def self_attention_layers(unet: nn.Module) -> list[str]:
    """Return the names of the self-attention layers of a U-Net in the order in which they run.

    SD 1.5 has 16, SDXL 70; these are the numbers that MasaCtrl counts its layers by.

    Args:
        unet: ``diffusers.UNet2DConditionModel``.
    """
    return [
        name
        for block in _BLOCKS
        for name, module in unet.named_modules()
        if name.split(".")[0] == block and getattr(module, "is_cross_attention", None) is False
    ]


def first_layer(start: int | float, num_layers: int) -> int:
    """Return the number of the first layer that is changed.

    Args:
        start: A number of layers to leave as they are, or, as a float, a share of all of them:
            MasaCtrl's 10 of 16 is 0.625.
        num_layers: Of the U-Net.

    Raises:
        ValueError: If nothing is left to change.

    Example:
        >>> first_layer(0.625, 16), first_layer(0.625, 70), first_layer(10, 16)
        (10, 44, 10)
    """
    layer = round(start * num_layers) if isinstance(start, float) else start
    if not 0 <= layer < num_layers:
        raise ValueError(
            f"start_layer {start} leaves none of the {num_layers} self-attention layers: give 0 to "
            f"{num_layers - 1}, or a share from 0.0 to below 1.0 (published: 10 of 16, 0.625)"
        )
    return layer


@contextmanager
def mutual_self_attention(unet: nn.Module, layers: Sequence[str]) -> Iterator[Reading]:
    """Let the rows of a batch read keys and values of other rows, as long as the context lasts.

    The processors that were there before go on computing the attention, and are there again
    afterwards, also after an exception.

    Args:
        unet: ``diffusers.UNet2DConditionModel``, its projections not fused.
        layers: Names of its self-attention layers to change, see `self_attention_layers`.

    Yields:
        What each row reads; as it comes, its own.
    """
    reading = Reading()
    found = dict(unet.named_modules())
    processors = {name: found[name].get_processor() for name in layers}
    try:
        for name, inner in processors.items():
            found[name].set_processor(_MutualSelfAttention(inner, reading))
        yield reading
    finally:
        for name, inner in processors.items():
            found[name].set_processor(inner)


class _MutualSelfAttention:
    """Hands the processor within another row's features to make keys and values of."""

    def __init__(self, inner: AttentionProcessor, reading: Reading) -> None:
        self.inner = inner
        self.reading = reading

    def __call__(
        self,
        attn: nn.Module,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        rows = self.reading.rows
        if rows is not None and encoder_hidden_states is None:
            encoder_hidden_states = _keys_from(attn, hidden_states).index_select(0, rows)
        return self.inner(attn, hidden_states, encoder_hidden_states, attention_mask, temb)


def _keys_from(attn: nn.Module, hidden_states: Tensor) -> Tensor:
    """Return ``(N, H W, C)`` that the layer makes its own keys of.

    The processor normalises what it makes queries of, but not what comes from outside.
    """
    if hidden_states.ndim == 4:
        hidden_states = hidden_states.flatten(2).transpose(1, 2)
    norm = attn.group_norm
    if isinstance(norm, nn.Module):
        hidden_states = norm(hidden_states.transpose(1, 2)).transpose(1, 2)
    return hidden_states


def rows_of_sources(num_samples: int, num_targets: int, device: torch.device) -> Tensor:
    """Return what each row reads in a batch of sources and their targets.

    Args:
        num_samples: B. The first B rows are the sources.
        num_targets: How many times the B targets follow, as unconditional and conditional half of
            guidance. Each target reads the source at its own place; so the halves never mix.
        device: Of the result.

    Returns:
        ``(B (1 + num_targets),)`` int64.

    Example:
        >>> rows_of_sources(2, 2, torch.device("cpu")).tolist()
        [0, 1, 0, 1, 0, 1]
    """
    return torch.arange(num_samples, device=device).repeat(1 + num_targets)
