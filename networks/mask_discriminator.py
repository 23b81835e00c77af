"""A discriminator of masks that cannot run away from its generator."""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

_GAIN = 4.0
"""Under spectral normalisation two masks of one area differ by less than 1 in any logit, and the
cross-entropy would hardly tell them apart."""


class MaskDiscriminator(nn.Module):
    """Strided convolutions under spectral normalisation: one logit a patch and one of the whole.

    Spectral normalisation (Miyato et al., ICLR 2018) bounds the slope of every layer, so its
    gradient never explodes nor vanishes and no penalty has to be tuned. Patches judge contours and
    limbs; the whole judges proportions. Nothing in it depends on the batch.

    Args:
        width: Channels of the first layer; 2, 4 and 4 times as many follow.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        wide = 4 * width
        self.body = nn.Sequential(
            *_stage(1, width), *_stage(width, 2 * width), *_stage(2 * width, wide)
        )
        self.patches = spectral_norm(nn.Conv2d(wide, 1, 3, padding=1))
        self.deep = nn.Sequential(*_stage(wide, wide))
        self.whole = spectral_norm(nn.Linear(2 * wide, 1))

    def forward(self, mask: Tensor) -> Tensor:
        """Return ``(B, n)`` logits, above 0 for real.

        Args:
            mask: ``(B, 1, H, W)`` float in [0, 1]; H and W at least 16. The first half of the
                logits are of patches, the second repeats that of the whole.
        """
        x = self.body(2 * mask - 1)
        deep = self.deep(x)
        whole = self.whole(torch.cat([deep.mean((2, 3)), deep.amax((2, 3))], dim=1))
        patches = self.patches(x).flatten(1)
        # repeated, so that the whole counts as much as all patches together
        return _GAIN * torch.cat([patches, whole.expand_as(patches)], dim=1)


def _stage(inputs: int, outputs: int) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)
    return [spectral_norm(convolution), nn.LeakyReLU(0.2)]
