"""An autoencoder that loses nothing, for diffusion models that paint pixels.

Letters: B images; C their channels; H, W their size; p side of a patch.
"""

from collections.abc import Sequence
from typing import Self

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput, IdentityDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import Generator, Tensor, nn
from torch.nn import functional as F


class IdentityVAE(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers' own mixins
    """Stands where latent diffusion has its autoencoder; what it encodes are the pixels themselves.

    The p x p pixels of a patch become channels of one place, as ``torch.pixel_unshuffle`` orders
    them. So a small network sees p times smaller maps, as in latent diffusion, and still answers
    for every pixel; independent noise stays independent. The arguments are those of an
    ``AutoencoderKL``, by which pipelines know how much smaller latents are; see `of`.

    Args:
        in_channels: C of the images: 3 of RGB, 1 of masks.
        latent_channels: C p p.
        block_out_channels: One for each size that an image would pass through: of k numbers, p is
            2 to the power of k - 1. The numbers themselves say nothing.
        scaling_factor: 1, as pixels in [-1, 1] are as large as noise.

    Raises:
        ValueError: If the numbers of channels do not fit each other, or the scale is not 1.

    Example:
        >>> vae = IdentityVAE.of(channels=1, num_halvings=1)
        >>> vae.encode(torch.zeros(2, 1, 8, 8)).latent_dist.mode().shape
        torch.Size([2, 4, 4, 4])
    """

    @register_to_config
    def __init__(
        self,
        in_channels: int = 3,
        latent_channels: int = 3,
        block_out_channels: Sequence[int] = (3,),
        scaling_factor: float = 1.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.patch = 2 ** (len(block_out_channels) - 1)
        if latent_channels != in_channels * self.patch**2 or scaling_factor != 1:
            raise ValueError(
                f"in_channels {in_channels} in patches of {self.patch} pixels give "
                f"{in_channels * self.patch**2} latent_channels and scaling_factor 1, not "
                f"{latent_channels} and {scaling_factor}: take IdentityVAE.of"
            )
        # loaders want a file of weights, pipelines a dtype and a device
        self.one = nn.Parameter(torch.ones(1), requires_grad=False)

    @classmethod
    def of(cls, channels: int = 3, *, num_halvings: int = 0) -> Self:
        """Return an autoencoder of patches.

        Args:
            channels: C, at least 1.
            num_halvings: p is 2 to this power; 0 leaves images as they are.
        """
        patch = 2**num_halvings
        return cls(channels, channels * patch**2, [channels] * (num_halvings + 1))

    def fold(self, images: Tensor) -> Tensor:
        """Return latents ``(B, C p p, H / p, W / p)`` of ``(B, C, H, W)`` images."""
        return F.pixel_unshuffle(images, self.patch)

    def unfold(self, latents: Tensor) -> Tensor:
        """Return images ``(B, C, h p, w p)`` of ``(B, C p p, h, w)`` latents."""
        return F.pixel_shuffle(latents, self.patch)

    def encode(
        self, x: Tensor, return_dict: bool = True
    ) -> AutoencoderKLOutput | tuple[IdentityDistribution]:
        """Return latents as pipelines want them: all samples of the distribution are its mode.

        Args:
            x: ``(B, C, H, W)``, sides multiples of p.
            return_dict: False: a tuple of the same.

        Returns:
            ``latent_dist`` of ``(B, C p p, H / p, W / p)``.
        """
        found = IdentityDistribution(self.fold(x))
        return AutoencoderKLOutput(latent_dist=found) if return_dict else (found,)

    def decode(
        self, z: Tensor, return_dict: bool = True, generator: Generator | None = None
    ) -> DecoderOutput | tuple[Tensor]:
        """Return images as pipelines want them.

        Args:
            z: ``(B, C p p, h, w)``.
            return_dict: False: a tuple of the same.
            generator: Not asked; pipelines give one.

        Returns:
            ``sample`` of ``(B, C, h p, w p)``.
        """
        found = self.unfold(z)
        return DecoderOutput(sample=found) if return_dict else (found,)
