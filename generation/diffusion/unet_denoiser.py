"""Stable Diffusion 1.x, 2.x and XL with ControlNets, one per condition or a ControlNetUnion."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from generation.diffusion.denoise import Conditions, Text
from generation.diffusion.loading import Network

_ALIKE = ("cross_attention_dim", "block_out_channels", "layers_per_block", "addition_embed_type")

Residuals = tuple[Sequence[Tensor], Tensor]


class ControlBranch(Protocol):
    """A ControlNet with its conditions. Also a ``torch.nn.Module``."""

    def hints(self, pictures: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the embedded control pictures, which do not depend on the step.

        Args:
            pictures: One for each condition, ``(B, 3, H, W)`` in [0, 1].

        Returns:
            One for each condition, ``(B, D, h, w)``.
        """
        ...

    def __call__(
        self, latent: Tensor, time: Tensor, text: Text, hints: Sequence[Tensor], weights: Tensor
    ) -> Residuals:
        """Return what is added to the U-Net's skips and to its middle."""
        ...


class SingleControl(nn.Module):
    """A ControlNet of one condition (Zhang et al. 2023).

    Its embedding of the control picture is taken out, so that a picture is embedded once and not
    in each step.

    Args:
        net: Changed: it expects embedded pictures from now on.
    """

    def __init__(self, net: Network) -> None:
        super().__init__()
        self.embedding = net.controlnet_cond_embedding
        net.controlnet_cond_embedding = nn.Identity()
        self.net = net

    def hints(self, pictures: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the embedded picture, see `ControlBranch`."""
        (picture,) = pictures
        return (self.embedding(picture.to(self.net.dtype)),)

    def forward(
        self, latent: Tensor, time: Tensor, text: Text, hints: Sequence[Tensor], weights: Tensor
    ) -> Residuals:
        """Return what is added to the U-Net, see `ControlBranch`."""
        return self.net(
            latent,
            time,
            encoder_hidden_states=text.tokens,
            controlnet_cond=hints[0],
            conditioning_scale=weights[0],
            added_cond_kwargs=_added(text),
            return_dict=False,
        )


class UnionControl(nn.Module):
    """A ControlNetUnion: several conditions for about the price of one (xinsir, ControlNet++).

    Args:
        net: Changed: it expects embedded pictures from now on.
        modes: Number of each condition.
    """

    control_type: Tensor

    def __init__(self, net: Network, modes: Sequence[int]) -> None:
        super().__init__()
        self.embedding = net.controlnet_cond_embedding
        net.controlnet_cond_embedding = nn.Identity()
        self.net = net
        self.modes = list(modes)
        control_type = torch.zeros(net.config["num_control_type"])
        control_type[self.modes] = 1
        self.register_buffer("control_type", control_type, persistent=False)

    def hints(self, pictures: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the embedded pictures, see `ControlBranch`."""
        return tuple(self.embedding(picture.to(self.net.dtype)) for picture in pictures)

    def forward(
        self, latent: Tensor, time: Tensor, text: Text, hints: Sequence[Tensor], weights: Tensor
    ) -> Residuals:
        """Return what is added to the U-Net, see `ControlBranch`."""
        return self.net(
            latent,
            time,
            encoder_hidden_states=text.tokens,
            controlnet_cond=list(hints),
            control_type=self.control_type.expand(len(latent), -1),
            control_type_idx=self.modes,
            conditioning_scale=list(weights.unbind()),
            added_cond_kwargs=_added(text),
            return_dict=False,
        )


class UNetDenoiser(nn.Module):
    """A U-Net of diffusers with ControlNets. A `generation.diffusion.denoise.Denoiser`.

    Args:
        unet: The base.
        branches: The ControlNets, each a `ControlBranch`.
    """

    def __init__(self, unet: Network, branches: Sequence[nn.Module] = ()) -> None:
        super().__init__()
        self.unet = unet
        self.branches = nn.ModuleList(branches)

    def forward(self, latent: Tensor, time: Tensor, conditions: Conditions) -> Tensor:
        """Return the base's output, see `generation.diffusion.denoise.Denoiser`."""
        added = conditions.added
        if added is None:
            added = self.added(latent, time, conditions)
        text, latent = conditions.text, latent.to(self.unet.dtype)
        return self.unet(
            latent,
            time,
            encoder_hidden_states=text.tokens,
            timestep_cond=text.guidance,
            down_block_additional_residuals=added[:-1] or None,
            mid_block_additional_residual=added[-1] if added else None,
            added_cond_kwargs=_added(text),
            return_dict=False,
        )[0]

    def added(self, latent: Tensor, time: Tensor, conditions: Conditions) -> tuple[Tensor, ...]:
        """Return what is added to the U-Net's skips and, the last, to its middle."""
        latent = latent.to(self.unet.dtype)
        total: tuple[Tensor, ...] = ()
        for branch, hints, weights in zip(
            self.branches, conditions.hints, conditions.weights, strict=True
        ):
            down, middle = branch(latent, time, conditions.text, hints, weights)
            more = (*down, middle)
            total = tuple(a + b for a, b in zip(total, more, strict=True)) if total else more
        return total


def check_fit(unet: Network, net: Network, name: str) -> None:
    """Check that a ControlNet was made for a base.

    Raises:
        ValueError: If it was not; the message says by what it shows.
    """
    for key in _ALIKE:
        ours, theirs = unet.config[key], net.config[key]
        if _plain(ours) != _plain(theirs):
            raise ValueError(
                f"ControlNet {name!r} does not fit the base: its {key} is {theirs}, the base's "
                f"{ours}; take one that was trained for this base"
            )
    if net.config["controlnet_conditioning_channel_order"] != "rgb":
        raise ValueError(f"ControlNet {name!r} wants BGR pictures: only RGB is supported")


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _added(text: Text) -> dict[str, Tensor] | None:
    if text.pooled is None or text.sizes is None:
        return None
    return {"text_embeds": text.pooled, "time_ids": text.sizes}
