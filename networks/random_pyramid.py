"""Features that need no download: a fixed random network at several scales."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (16, 32, 64, 128, 256)
"""Channels of each scale; the more abstract, the more."""
GAIN = 16.0
"""Brings responses to masks and to photos to about 1, where the logarithm begins to bend."""
_SMALLEST = 2 ** len(WIDTHS)


class RandomPyramid(nn.Module):
    """Mean and spread of random filter responses at five scales, after each halving of the image.

    An offline stand-in for a trained extractor: it sees edges, thickness, texture and rough shape,
    and no meaning. Its numbers compare with nothing but themselves. Random filters of a
    convolutional network are known to make a usable perceptual distance (Zhang et al., "The
    unreasonable effectiveness of deep features", CVPR 2018, table 5, "random").

    The filters are drawn as integers and sum to 0 over each input channel, so that a change of
    brightness alone changes nothing. All of it is exact arithmetic up to one correctly rounded root
    and division: the weights are the same bits on every machine.

    Args:
        seed: Of the filters.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        inputs = (3, *WIDTHS)
        self.filters = nn.ParameterList(
            nn.Parameter(_filters(w, c, generator), requires_grad=False)
            for c, w in zip(inputs, WIDTHS, strict=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, 992)`` float features, 1 and up; all 1 for a blank image.

        The logarithm keeps a few images full of edges from deciding the distance of a set. The 1
        gives nearly blank images a direction of their own, where features are scaled to length 1.

        Args:
            x: ``(B, 3, H, W)`` float, H and W at least 32.

        Raises:
            ValueError: If the image is too small for the coarsest scale.
        """
        if min(x.shape[2:]) < _SMALLEST:
            raise ValueError(
                f"an image of {x.shape[2]}x{x.shape[3]} is too small for {len(WIDTHS)} scales: "
                f"give at least {_SMALLEST}x{_SMALLEST}"
            )
        features = []
        for filters in self.filters:
            # continued, not surrounded by zeros: the frame would be the strongest edge
            x = F.relu(F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), filters))
            features += [x.mean((2, 3)), x.std((2, 3))]
            x = F.avg_pool2d(x, 2)
        return 1 + torch.log1p(GAIN * torch.cat(features, dim=1))


def _filters(width: int, channels: int, generator: torch.Generator) -> Tensor:
    """Return ``(width, channels, 3, 3)`` float32 filters of sum 0 and length 2."""
    drawn = torch.randint(-127, 128, (width, channels, 3, 3), generator=generator)
    centred = 9 * drawn - drawn.sum((2, 3), keepdim=True)  # still integers
    length = centred.square().sum((1, 2, 3), keepdim=True).double().sqrt()
    return (2 * centred / length).float()
