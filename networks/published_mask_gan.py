"""The generator and the discriminator of masks that MaskFactory's training script describes.

Qian et al., "MaskFactory", NeurIPS 2024, released code (MIT on the data card; the script does not
run as released). The layers are the published ones: three convolutions down and three up with a
tanh; three strided 4x4 convolutions of 64, 128 and 256 channels with BatchNorm and LeakyReLU, then
one 4x4 convolution a patch. Ours: the latent code and the strength enter as constant planes beside
the mask (the published generator sees nothing but a picture and could make one edit of it), one
channel instead of three, and logits instead of a sigmoid, which the loss applies.
Letters: B samples; H, W size of the masks, multiples of 8.
"""

import torch
from torch import Tensor, nn

from networks.mask_editor import MaskEdit, MaskEditorNet

_STRIDE = 8
"""Three convolutions halve each; what they round down three others cannot restore."""


class PublishedMaskGenerator(MaskEditorNet):
    """Draws the edited mask pixel by pixel; nothing in it keeps topology.

    Args:
        width: Channels of the first layer, published 64.
        latent_size: Of the code.
    """

    def __init__(self, width: int = 64, *, latent_size: int = 8) -> None:
        super().__init__()
        self.latent_size = latent_size
        self.body = nn.Sequential(
            *_down(2 + latent_size, width, norm=False),
            *_down(width, 2 * width),
            *_down(2 * width, 4 * width),
            *_up(4 * width, 2 * width),
            *_up(2 * width, width),
            nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1),
            nn.Tanh(),
        )

    def forward(self, mask: Tensor, latent: Tensor, strength: Tensor) -> MaskEdit:
        """Edit ``(B, 1, H, W)`` masks in [0, 1] by ``(B, latent_size)`` and ``(B,)``.

        Raises:
            ValueError: If H or W is no multiple of 8.
        """
        height, width = mask.shape[-2:]
        if height % _STRIDE or width % _STRIDE:
            raise ValueError(
                f"{type(self).__name__} halves masks three times and cannot edit {height}x{width}: "
                f"give multiples of {_STRIDE} as data.size, such as "
                f"{-height // _STRIDE * -_STRIDE}x{-width // _STRIDE * -_STRIDE}"
            )
        codes = torch.cat([latent, strength[:, None]], dim=1)[:, :, None, None]
        planes = codes.expand(-1, -1, height, width)
        drawn = self.body(torch.cat([2 * mask - 1, planes], dim=1))
        return MaskEdit(mask=(drawn + 1) / 2, forward=None, backward=None)


class PublishedMaskDiscriminator(nn.Module):
    """One logit a patch of about 46 px.

    Args:
        width: Channels of the first layer, published 64.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_down(1, width, norm=False, slope=0.2),
            *_down(width, 2 * width, slope=0.2),
            *_down(2 * width, 4 * width, slope=0.2),
            nn.Conv2d(4 * width, 1, 4),
        )

    def forward(self, mask: Tensor) -> Tensor:
        """Return ``(B, 1, h, w)`` logits, above 0 for real, of ``(B, 1, H, W)`` in [0, 1]."""
        return self.body(2 * mask - 1)


def _down(inputs: int, outputs: int, *, norm: bool = True, slope: float = 0.0) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)]
    if norm:
        layers.append(nn.BatchNorm2d(outputs))
    return [*layers, nn.LeakyReLU(slope)]


def _up(inputs: int, outputs: int) -> list[nn.Module]:
    return [
        nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]
