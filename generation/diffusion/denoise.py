"""From noise to latent: one step as a function of tensors, and the way along a sampler's table.

Letters: B pictures, C channels, h, w size of the latent, K times that a step looks at, G 2 with
guidance and 1 without, L text tokens, D their length, P length of the pooled text.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Generator, Tensor

from generation.diffusion.noise import noise
from generation.diffusion.sampler_table import SamplerTable


class Text(NamedTuple):
    """What the networks are told in words, for G B pictures, those of the negative prompt first."""

    tokens: Tensor
    """``(G B, L, D)``."""
    pooled: Tensor | None = None
    """``(G B, P)``; of SDXL and SD3."""
    sizes: Tensor | None = None
    """``(G B, 6)`` original size, crop and size in pixels; of SDXL."""
    guidance: Tensor | None = None
    """``(B, W)``, embedded guidance scale; of models distilled from guidance (LCM)."""


class Conditions(NamedTuple):
    """All that stays the same over the steps."""

    text: Text
    hints: tuple[tuple[Tensor, ...], ...] = ()
    """For each ControlNet its embedded control pictures, ``(G B, ...)``."""
    weights: tuple[Tensor, ...] = ()
    """For each ControlNet ``(conditions,)``."""
    guidance: Tensor | None = None
    """``()`` scale of classifier-free guidance (Ho and Salimans 2022). None: there is none."""
    added: tuple[Tensor, ...] | None = None
    """What the ControlNets add to the base, from a step before. None: they are asked."""


class Row(NamedTuple):
    """A step of a sampler's table on the device."""

    time: Tensor
    scale: Tensor
    states: Tensor
    outputs: Tensor
    noise: Tensor


class Denoiser(Protocol):
    """The networks of a base with its ControlNets."""

    def __call__(self, latent: Tensor, time: Tensor, conditions: Conditions) -> Tensor:
        """Return the base's output.

        Args:
            latent: ``(G B, C, h, w)`` in the sampler's scale.
            time: ``()``.
            conditions: Of each picture.

        Returns:
            ``(G B, C, h, w)``.
        """
        ...

    def added(self, latent: Tensor, time: Tensor, conditions: Conditions) -> tuple[Tensor, ...]:
        """Return what the ControlNets add to the base, see `Conditions`; none without any.

        Args:
            latent: ``(G B, C, h, w)`` in the sampler's scale.
            time: ``()``.
            conditions: Of each picture.
        """
        ...


Step = Callable[[Denoiser, Tensor, Tensor, Tensor | None, Row, Conditions], tuple[Tensor, Tensor]]


def denoising_step(
    net: Denoiser,
    latents: Tensor,
    outputs: Tensor,
    fresh: Tensor | None,
    row: Row,
    conditions: Conditions,
) -> tuple[Tensor, Tensor]:
    """Return the next latent: ControlNets, base, guidance and the sampler's update.

    Everything that changes from step to step is a tensor, so one compiled graph serves all steps,
    all samplers of a reach and all weights.

    Args:
        net: Base and ControlNets.
        latents: ``(K, B, C, h, w)`` float32, the last first.
        outputs: ``(K - 1, B, C, h, w)`` float32, of the steps before, the last first.
        fresh: ``(B, C, h, w)`` float32 standard normal noise. None: the sampler draws none.
        row: Of the sampler's table.
        conditions: What the networks go by.

    Returns:
        The next latent and the guided output, ``(B, C, h, w)`` float32 each.
    """
    output = net(_seen(latents, row, conditions), row.time, conditions).float()
    if conditions.guidance is not None:
        without, told = output.chunk(2)
        output = without + conditions.guidance * (told - without)
    past = torch.cat([output[None], outputs])
    weights = (len(row.states), 1, 1, 1, 1)
    new = (row.states.view(weights) * latents).sum(0) + (row.outputs.view(weights) * past).sum(0)
    return (new if fresh is None else new + row.noise * fresh), output


def added_by_controls(
    net: Denoiser, latents: Tensor, row: Row, conditions: Conditions
) -> tuple[Tensor, ...]:
    """Return what the ControlNets add in a step, see `denoising_step`."""
    return net.added(_seen(latents, row, conditions), row.time, conditions)


def denoise(
    net: Denoiser,
    first: Tensor,
    table: SamplerTable,
    generators: Sequence[Generator],
    *,
    conditions: Conditions,
    step: Step = denoising_step,
) -> Tensor:
    """Return the latent at the end of the sampler's way.

    Args:
        net: Base and ControlNets.
        first: ``(B, C, h, w)`` float32 on the device.
        table: Of the sampler.
        generators: One for each picture, on the CPU; moved on if the sampler draws noise.
        conditions: What the networks go by.
        step: `denoising_step`, or it compiled, or in tiles.

    Returns:
        ``(B, C, h, w)`` float32.
    """
    device, reach = first.device, table.states.shape[1]
    columns = (table.times, table.scales, table.states, table.outputs, table.noise)
    moved = [column.to(device) for column in columns]
    latents = first[None].expand(reach, *first.shape).contiguous()
    outputs = first.new_zeros(reach - 1, *first.shape)
    for i, draws in enumerate(table.draws):
        # whether noise is drawn decides on the graph: a sampler's last step may draw none
        fresh = noise(generators, first.shape[1:], device) if draws else None
        if fresh is None and any(table.draws):
            fresh = torch.zeros_like(first)
        row = Row(*(column[i] for column in moved))
        new, output = step(net, latents, outputs, fresh, row, conditions)
        latents = torch.cat([new[None], latents[:-1]])
        outputs = torch.cat([output[None], outputs])[: reach - 1]
    return latents[0]


def _seen(latents: Tensor, row: Row, conditions: Conditions) -> Tensor:
    """Return what the networks see, ``(G B, C, h, w)``."""
    seen = latents[0] * row.scale
    return seen if conditions.guidance is None else torch.cat([seen, seen])
