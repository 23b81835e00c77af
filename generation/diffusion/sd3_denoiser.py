"""Stable Diffusion 3 and 3.5, a transformer over patches of the latent, with ControlNets."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from generation.diffusion.denoise import Conditions
from generation.diffusion.loading import Network

_ALIKE = ("in_channels", "joint_attention_dim", "pooled_projection_dim", "caption_projection_dim")


class Sd3Denoiser(nn.Module):
    """A transformer of diffusers with ControlNets. A `generation.diffusion.denoise.Denoiser`.

    Its ControlNets are shown latents of the control pictures. Their embedding into patches does not
    depend on the step and is taken out, see `hints`.

    Args:
        transformer: The base.
        nets: The ControlNets; changed: they expect embedded pictures from now on.
    """

    def __init__(self, transformer: Network, nets: Sequence[Network] = ()) -> None:
        super().__init__()
        self.transformer = transformer
        self.embeddings = nn.ModuleList(net.pos_embed_input for net in nets)
        for net in nets:
            net.pos_embed_input = nn.Identity()
        self.nets = nn.ModuleList(nets)
        # InstantX's are trained without the pooled text, and with latents that are not shifted
        self.unpooled = [bool(net.config["force_zeros_for_pooled_projection"]) for net in nets]

    def hints(self, latents: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], ...]:
        """Return the embedded control pictures.

        Args:
            latents: One for each ControlNet, ``(B, C, h, w)``.
        """
        return tuple(
            (embedding(latent.to(self.transformer.dtype)),)
            for embedding, latent in zip(self.embeddings, latents, strict=True)
        )

    def forward(self, latent: Tensor, time: Tensor, conditions: Conditions) -> Tensor:
        """Return the base's output, see `generation.diffusion.denoise.Denoiser`."""
        added = conditions.added
        if added is None:
            added = self.added(latent, time, conditions)
        return self.transformer(
            hidden_states=latent.to(self.transformer.dtype),
            timestep=time.expand(len(latent)),
            encoder_hidden_states=conditions.text.tokens,
            pooled_projections=conditions.text.pooled,
            block_controlnet_hidden_states=list(added) or None,
            return_dict=False,
        )[0]

    def added(self, latent: Tensor, time: Tensor, conditions: Conditions) -> tuple[Tensor, ...]:
        """Return what is added after blocks of the transformer."""
        text, latent = conditions.text, latent.to(self.transformer.dtype)
        time = time.expand(len(latent))
        total: tuple[Tensor, ...] = ()
        assert text.pooled is not None
        for net, unpooled, hints, weights in zip(
            self.nets, self.unpooled, conditions.hints, conditions.weights, strict=True
        ):
            blocks = net(
                hidden_states=latent,
                timestep=time,
                encoder_hidden_states=text.tokens,
                pooled_projections=torch.zeros_like(text.pooled) if unpooled else text.pooled,
                controlnet_cond=hints[0],
                conditioning_scale=weights[0],
                return_dict=False,
            )[0]
            more = tuple(blocks)
            total = tuple(a + b for a, b in zip(total, more, strict=True)) if total else more
        return total


def check_fit(transformer: Network, net: Network, name: str) -> None:
    """Check that a ControlNet was made for a base.

    Raises:
        ValueError: If it was not; the message says by what it shows.
    """
    for key in _ALIKE:
        ours, theirs = transformer.config[key], net.config[key]
        if ours != theirs:
            raise ValueError(
                f"ControlNet {name!r} does not fit the base: its {key} is {theirs}, the base's "
                f"{ours}; take one that was trained for this base"
            )
    if net.pos_embed is None:
        raise ValueError(
            f"ControlNet {name!r} has no patch embedding of its own (SD 3.5 large): not supported"
        )
