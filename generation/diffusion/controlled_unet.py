"""Stable Diffusion 1.x, 2.x and XL with ControlNets, as a painter needs them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from generation.diffusion.controlled_model import ControlledModel
from generation.diffusion.denoise import Text


class ControlledUNet(ControlledModel):
    """A base with a ``UNet2DConditionModel``; its denoiser is a `UNetDenoiser`."""

    @property
    def embeds_guidance(self) -> bool:
        """Whether the base was distilled from guidance, as LCM is."""
        return self.pipeline.unet.config["time_cond_proj_dim"] is not None

    def hints(self, pictures: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], ...]:
        """Return the embedded control pictures of each ControlNet, see `ControlledModel`."""
        hints, left = [], list(pictures)
        for branch, weights in zip(self.denoiser.branches, self.weights, strict=True):
            hints.append(branch.hints(left[: len(weights)]))
            left = left[len(weights) :]
        return tuple(hints)

    def _told(
        self, tokens: Tensor, pooled: Tensor | None, size: tuple[int, int], guidance: float
    ) -> Text:
        sizes = scale = None
        if pooled is not None:  # SDXL: original size, crop and size
            sizes = torch.tensor([*size, 0, 0, *size], device=self.device, dtype=tokens.dtype)
            sizes = sizes.expand(len(tokens), -1)
        if self.embeds_guidance:
            width = self.pipeline.unet.config["time_cond_proj_dim"]
            scale = self.pipeline.get_guidance_scale_embedding(
                torch.tensor([guidance - 1]), embedding_dim=width, dtype=tokens.dtype
            )
            scale = scale.to(self.device).expand(len(tokens), -1)
        return Text(tokens, pooled, sizes, scale)

    def _encode_prompt(self, text: str) -> tuple[Tensor, Tensor | None]:
        found = self.pipeline.encode_prompt(
            text, device=self.device, num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        return found[0], found[2] if len(found) > 2 else None
