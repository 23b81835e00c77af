"""A text-to-image model of diffusers as what an edit needs of it: images, latents, noise.

Letters: B images; H, W their size; c, h, w channels and size of the latents; L tokens of a prompt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, cast

import torch
from torch import Tensor, nn

from generation.diffusion.autoencoding import precision_of, without_overflow
from generation.diffusion.inversion import DdimSchedule, ddim_schedule
from generation.diffusion.loading import load_pipeline, pipeline_files

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.pipelines.pipeline_utils import DiffusionPipeline


@dataclass(frozen=True, slots=True)
class Text:
    """What a U-Net is told by its prompts."""

    tokens: Tensor
    """``(B, L, D)``."""
    added: Mapping[str, Tensor]
    """What SDXL wants besides, each ``(B, ...)``; empty for others."""

    def rows(self, index: Tensor) -> "Text":
        """Return the rows that an ``(N,)`` int64 index names."""
        added = {name: value.index_select(0, index) for name, value in self.added.items()}
        return Text(self.tokens.index_select(0, index), added)


class LatentModel(nn.Module):
    """A pipeline of diffusers with a ``UNet2DConditionModel``, an autoencoder and text encoders.

    SD 1.x and 2.x, SDXL and models of ours in their layout. All its networks are registered, so
    whoever holds this module moves them.

    Args:
        pipeline: As `load` has it; nothing of it is called but the encoding of prompts.
        name: Of the model with its revision, as `datamodules.sample.Provenance.models` has it.
    """

    def __init__(self, pipeline: "DiffusionPipeline", name: str) -> None:
        super().__init__()
        self.pipeline = pipeline
        self.networks = nn.ModuleDict(
            {part: net for part, net in pipeline.components.items() if isinstance(net, nn.Module)}
        )
        self.requires_grad_(False).eval()
        self.unet: nn.Module = pipeline.unet
        self.vae: AutoencoderKL = pipeline.vae
        self.name = name
        config = pipeline.vae.config
        self.shrink = 2 ** (len(config.get("block_out_channels", (0,))) - 1)
        """Pixels of an image along a side of one of its latents."""
        self._scale = float(config.get("scaling_factor", 1.0))
        self._channels = int(config.get("in_channels", 3))

    @classmethod
    def load(cls, model: str, *, revision: str = "main") -> Self:
        """Return a model from a local folder, the local cache or the hub.

        Args:
            model: Hub id (``owner/name``) or local folder.
            revision: Of the hub: a branch, tag or commit.

        Raises:
            ModelNotFound: If it is neither here nor to be had.
            ValueError: If it has no U-Net of text and autoencoder.
        """
        files = pipeline_files(model, revision=revision)
        # mypy sees placeholders for the names of diffusers itself
        pipeline = cast("DiffusionPipeline", load_pipeline(files))
        if not {"unet", "vae", "text_encoder"} <= pipeline.components.keys():
            raise ValueError(
                f"model {model} is a {type(pipeline).__name__} without unet, vae and text_encoder: "
                "give one of SD 1.x, SD 2.x, SDXL or their layout"
            )
        return cls(pipeline, files.name)

    @property
    def size(self) -> int:
        """Side in pixels of the images that the model was trained on."""
        side = self.pipeline.unet.config.sample_size
        return self.shrink * int(side if isinstance(side, int) else side[0])

    def schedule(self, num_steps: int) -> DdimSchedule:
        """Return the levels of noise of a run in `num_steps` steps.

        Raises:
            ValueError: If there are more steps than the model knows.
        """
        return ddim_schedule(self.pipeline.scheduler, num_steps)

    def encode(self, images: Tensor) -> Tensor:
        """Return the latents of grey images, ``(B, c, h, w)`` float32; the mode, nothing is drawn.

        Args:
            images: ``(B, 1, H, W)`` float in [-1, 1].
        """
        coloured = images.expand(-1, self._channels, -1, -1)
        with without_overflow(self.vae, precision_of(self.unet)) as vae:
            return (vae.encode(coloured).latent_dist.mode() * self._scale).float()

    def decode(self, latents: Tensor) -> Tensor:
        """Return grey images ``(B, 1, H, W)`` float32, about [-1, 1], of ``(B, c, h, w)`` latents.

        The grey is the mean of the colours.
        """
        with without_overflow(self.vae, precision_of(self.unet)) as vae:
            return vae.decode(latents / self._scale).sample.float().mean(1, keepdim=True)

    def text(self, prompts: Sequence[str], size: tuple[int, int]) -> Text:
        """Return what the U-Net is told by prompts; a model trained so is told nothing by "".

        Args:
            prompts: B of them.
            size: Height and width of the images, in pixels.
        """
        device = next(self.unet.parameters()).device
        found = self.pipeline.encode_prompt(
            list(prompts), device=device, num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        tokens, pooled = found[0], found[2] if len(found) > 2 else None
        if self.pipeline.config.get("force_zeros_for_empty_prompt", False):
            said = torch.tensor([bool(prompt) for prompt in prompts], device=device)
            tokens = tokens * said.view(-1, 1, 1)
            pooled = None if pooled is None else pooled * said.view(-1, 1)
        if pooled is None:
            return Text(tokens, {})
        # SDXL: original size, crop and size of the image, here whole images at their own size
        ids = torch.tensor([*size, 0, 0, *size], device=device, dtype=tokens.dtype)
        return Text(tokens, {"text_embeds": pooled, "time_ids": ids.expand(len(tokens), -1)})

    def noise(self, latents: Tensor, step: int, text: Text, schedule: DdimSchedule) -> Tensor:
        """Return the noise within latents, ``(B, c, h, w)`` float32.

        Args:
            latents: ``(B, c, h, w)``.
            step: Number of the step in the schedule.
            text: Of B rows.
            schedule: Levels of noise.
        """
        output = self.unet(
            latents,
            schedule.timesteps[step].to(latents.device),
            encoder_hidden_states=text.tokens,
            added_cond_kwargs=dict(text.added),
        ).sample
        return schedule.noise(output.float(), latents, step)
