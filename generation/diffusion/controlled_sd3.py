"""Stable Diffusion 3 and 3.5 with ControlNets, as a painter needs them."""

from collections.abc import Sequence

from torch import Tensor

from generation.diffusion.controlled_model import ControlledModel


class ControlledSd3(ControlledModel):
    """A base with an ``SD3Transformer2DModel``; its denoiser is an `Sd3Denoiser`."""

    def hints(self, pictures: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], ...]:
        """Return the embedded control pictures of each ControlNet, see `ControlledModel`.

        As in diffusers, one convention for all: InstantX's ControlNets, which know no pooled text,
        have learned from latents that are scaled but not shifted.
        """
        unshifted = any(self.denoiser.unpooled)
        latents = [self.encode(picture * 2 - 1) for picture in pictures]
        if unshifted:
            latents = [latent + self._shift * self._scale for latent in latents]
        return self.denoiser.hints(latents)

    def _encode_prompt(self, text: str) -> tuple[Tensor, Tensor | None]:
        tokens, _, pooled, _ = self.pipeline.encode_prompt(
            text, None, None, device=self.device, do_classifier_free_guidance=False
        )
        return tokens, pooled
