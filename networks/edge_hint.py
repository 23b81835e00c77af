"""Tells a denoising network of the edges of a picture, at first nothing."""

from torch import Tensor, nn
from torch.nn import functional as F


class EdgeHint(nn.Module):
    """Two convolutions from edges to what is added to a network's first features.

    The last one begins at zero, so the network begins as it was (zero convolution of ControlNet,
    Zhang et al., ICCV 2023, arXiv 2302.05543). The pixels of a latent become its channels: no edge
    of one pixel is lost on the way.

    Args:
        shrink: Pixels along a side of a latent.
        channels: Of the features.
        width: Of what lies between.
    """

    def __init__(self, shrink: int, channels: int, *, width: int = 16) -> None:
        super().__init__()
        self.fold = nn.PixelUnshuffle(shrink)
        self.encode = nn.Conv2d(shrink**2, width, 3, padding=1)
        self.add = nn.Conv2d(width, channels, 3, padding=1)
        nn.init.zeros_(self.add.weight)
        assert self.add.bias is not None
        nn.init.zeros_(self.add.bias)

    def forward(self, edges: Tensor) -> Tensor:
        """Return ``(B, channels, H / shrink, W / shrink)`` float, of the weights' type.

        Args:
            edges: ``(B, 1, H, W)`` float in [0, 1], H and W multiples of `shrink`.
        """
        folded = self.fold(edges.to(self.encode.weight.dtype))
        hint: Tensor = self.add(F.silu(self.encode(folded)))
        return hint
