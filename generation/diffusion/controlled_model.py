"""A base of diffusers with its ControlNets as what a painter needs of it.

Letters: B pictures, H, W their size, c, h, w channels and size of their latents.
"""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from generation.diffusion.autoencoding import precision_of, without_overflow
from generation.diffusion.denoise import Conditions, Text
from generation.diffusion.loading import Network, Pipeline

# texts of the run's classes; an embedding has up to some megabytes
_REMEMBERED = 64


class ControlledModel(nn.Module, ABC):
    """Text encoders, networks and autoencoder of a base with ControlNets.

    Args:
        pipeline: The base; nothing of it is called but the encoding of prompts.
        denoiser: Its network with the ControlNets, a `generation.diffusion.denoise.Denoiser`.
        weights: For each ControlNet those of its conditions.
        multiple: Of which a picture's sides must be.
        names: Of base and ControlNets with their revisions, as
            `datamodules.sample.Provenance.models` has them.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        denoiser: Network,
        *,
        weights: Sequence[Sequence[float]],
        multiple: int,
        names: Sequence[str],
    ) -> None:
        super().__init__()
        self.weights = [list(branch) for branch in weights]
        self.names = tuple(names)
        self.pipeline = pipeline
        self.denoiser = denoiser
        self.networks = nn.ModuleDict(
            {part: net for part, net in pipeline.components.items() if isinstance(net, nn.Module)}
        )
        self.requires_grad_(False).eval()
        self.multiple = multiple
        config = pipeline.vae.config
        self.shrink = shrink_of(pipeline)
        """Pixels of a picture along a side of one of its latents."""
        self.channels = int(config["latent_channels"])
        self._scale = float(config["scaling_factor"] or 1)
        self._shift = float(config.get("shift_factor") or 0)
        self._texts: OrderedDict[tuple[str, ...], tuple[Tensor, Tensor | None]] = OrderedDict()

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.denoiser.parameters()).device

    @property
    def embeds_guidance(self) -> bool:
        """Whether the scale of guidance is told to the base, which then needs one pass only."""
        return False

    @abstractmethod
    def hints(self, pictures: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], ...]:
        """Return the embedded control pictures of each ControlNet.

        Args:
            pictures: One for each condition, ``(B, 3, H, W)`` float32 in [0, 1], on the device.
        """

    def text(
        self, prompts: Sequence[str], negative: str, *, size: tuple[int, int], guidance: float
    ) -> Text:
        """Return what the networks are told in words.

        Each text is encoded for itself and remembered: it is the same whatever the batch.

        Args:
            prompts: B of them.
            negative: What to keep away from; left out where there is no guidance.
            size: (height, width) of the pictures.
            guidance: Its scale; 1 is none.
        """
        guided = guidance > 1 and not self.embeds_guidance
        said = [*([negative] * len(prompts) if guided else []), *prompts]
        found = [self._encoded(text) for text in said]
        tokens = torch.stack([tokens for tokens, _ in found])
        pooled = [pooled for _, pooled in found if pooled is not None]
        return self._told(tokens, torch.stack(pooled) if pooled else None, size, guidance)

    def conditions(self, text: Text, pictures: Sequence[Tensor], guidance: float) -> Conditions:
        """Return what the networks go by, with the control pictures embedded.

        Args:
            text: As `text` has it.
            pictures: One for each condition, ``(B, 3, H, W)`` float32 in [0, 1], on the device.
            guidance: Its scale; 1 is none.
        """
        hints, device = self.hints(pictures), self.device
        scale = None
        if guidance > 1 and not self.embeds_guidance:
            scale = torch.tensor(guidance, device=device)
            hints = tuple(tuple(torch.cat([each, each]) for each in branch) for branch in hints)
        weights = tuple(torch.tensor(branch, device=device) for branch in self.weights)
        return Conditions(text, hints, weights, scale)

    def encode(self, images: Tensor) -> Tensor:
        """Return the latents of pictures, ``(B, c, h, w)`` float32; the mode, nothing is drawn.

        Args:
            images: ``(B, 3, H, W)`` float in [-1, 1].
        """
        with without_overflow(self.pipeline.vae, precision_of(self.denoiser)) as vae:
            found = [vae.encode(each.to(vae.dtype)).latent_dist.mode() for each in images[:, None]]
        return (torch.cat(found).float() - self._shift) * self._scale

    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures ``(B, 3, H, W)`` float32 in [0, 1].

        One by one: at 2 K the decoder takes gigabytes for each, and gains little from a batch.
        """
        with without_overflow(self.pipeline.vae, precision_of(self.denoiser)) as vae:
            unscaled = (latents / self._scale + self._shift).to(vae.dtype)
            found = [vae.decode(each).sample.float() for each in unscaled[:, None]]
        return (torch.cat(found) / 2 + 0.5).clamp(0, 1)

    def _told(
        self, tokens: Tensor, pooled: Tensor | None, size: tuple[int, int], guidance: float
    ) -> Text:
        return Text(tokens, pooled)

    @abstractmethod
    def _encode_prompt(self, text: str) -> tuple[Tensor, Tensor | None]:
        """Return ``(1, L, D)`` tokens and ``(1, P)`` pooled text of a prompt."""

    def _encoded(self, text: str) -> tuple[Tensor, Tensor | None]:
        key = (text, str(self.device), str(precision_of(self.denoiser)))
        if key not in self._texts:
            tokens, pooled = self._encode_prompt(text)
            self._texts[key] = tokens[0], None if pooled is None else pooled[0]
            if len(self._texts) > _REMEMBERED:
                self._texts.popitem(last=False)
        self._texts.move_to_end(key)
        return self._texts[key]


def shrink_of(pipeline: Pipeline) -> int:
    """Return how many pixels lie along a side of one latent."""
    return 2 ** (len(pipeline.vae.config.get("block_out_channels", (0,))) - 1)
