"""The autoencoder of a base, where its numbers would be too large for 16 bits."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from generation.diffusion.loading import Network


def precision_of(net: nn.Module) -> torch.dtype:
    """Return the dtype in which a network computes now: that of autocast, else of its weights."""
    weight = next(net.parameters())
    kind = weight.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype


@contextmanager
def without_overflow(vae: Network, precision: torch.dtype) -> Iterator[Network]:
    """Yield an autoencoder; in float32 where it would overflow in float16, as SDXL's does.

    Args:
        vae: Of diffusers; its weights then stay in float32.
        precision: In which the base computes.
    """
    if vae.config.get("force_upcast") and precision == torch.float16:
        with torch.autocast(vae.device.type, enabled=False):
            yield vae.float()
    else:
        yield vae
