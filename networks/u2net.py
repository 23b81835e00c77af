"""U2-Net and its small form U2-NetP, for the segmentation of salient objects.

Qin et al., "U^2-Net: Going Deeper with Nested U-Structure for Salient Object Detection", Pattern
Recognition 2020. Written from the paper and the structure of the authors' state dicts
(xuebinqin/U-2-Net, Apache-2.0), whose keys and outputs both reproduce.

Letters: B samples; H, W the input's size; h, w a map's own size.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from networks.outputs import Outputs
from networks.residual_u import Channels, ResidualUStages, scaled
from networks.weights import load_weights

# channels of stage1, stage2, ...
_ENCODER: tuple[Channels, ...] = (
    (3, 32, 64),
    (64, 32, 128),
    (128, 64, 256),
    (256, 128, 512),
    (512, 256, 512),
    (512, 256, 512),
)
_SMALL_ENCODER: tuple[Channels, ...] = ((3, 16, 64), *[(64, 16, 64)] * 5)
# of stage1d, stage2d, ...; the first number is that of each of the two maps that go in
_DECODER: tuple[Channels, ...] = (
    (64, 16, 64),
    (128, 32, 64),
    (256, 64, 128),
    (512, 128, 256),
    (512, 256, 512),
)
_SMALL_DECODER: tuple[Channels, ...] = ((64, 16, 64),) * 5


class _NestedU(ResidualUStages):
    """Both networks: an encoder, a decoder, six side maps and their fusion."""

    def __init__(
        self,
        encoder: Sequence[Channels],
        decoder: Sequence[Channels],
        *,
        width: float,
        checkpointing: bool,
        weights: str | None,
    ) -> None:
        first, *others = [scaled(channels, width) for channels in encoder]
        first = (3, *first[1:])  # colours, whatever the width
        decoder = [scaled(channels, width) for channels in decoder]
        deepest = others[-1]
        super().__init__(
            [first, *others],
            [outputs for *_, outputs in (*decoder, deepest)],
            checkpointing=checkpointing,
        )
        self.add_decoder(decoder)
        self.outconv = nn.Conv2d(len(encoder), 1, 1)
        if weights is not None:
            load_weights(self, weights)

    def forward(self, image: Tensor) -> Outputs:
        """Return the maps of an image.

        Args:
            image: ``(B, 3, H, W)`` float, normalised as the weights ask (published: RGB by the mean
                and deviation of ImageNet). Any height and width from 1 px.

        Returns:
            The fused logit map ``(B, 1, H, W)``, then the six side maps ``(B, 1, h, w)``, the
            finest (the input's size) first.
        """
        sides = self.sides(self.decode(self.encode(image)))
        size = image.shape[2:]
        whole = [F.interpolate(x, size=size, mode="bilinear", align_corners=False) for x in sides]
        return Outputs(logits=[self.outconv(torch.cat(whole, 1)), *sides])


class U2Net(_NestedU):
    """Seven logit maps of a normalised image: the fused one and six side maps.

    Args:
        width: Factor on every channel count inside; 1 is the published network (44 M parameters).
        checkpointing: Recompute each stage in the backward pass instead of keeping its activations:
            the same gradients, less memory, more time.
        weights: What to load, see `networks.weights.load_weights`. None: random.

    Raises:
        WeightsError: If `weights` cannot be had or do not fit.
    """

    def __init__(
        self, width: float = 1.0, checkpointing: bool = False, weights: str | None = None
    ) -> None:
        super().__init__(
            _ENCODER, _DECODER, width=width, checkpointing=checkpointing, weights=weights
        )


class U2NetP(_NestedU):
    """`U2Net` with few channels: 1.1 M parameters.

    Args:
        width: As for `U2Net`; 1 is the published network.
        checkpointing: As for `U2Net`.
        weights: As for `U2Net`.

    Raises:
        WeightsError: If `weights` cannot be had or do not fit.
    """

    def __init__(
        self, width: float = 1.0, checkpointing: bool = False, weights: str | None = None
    ) -> None:
        super().__init__(
            _SMALL_ENCODER,
            _SMALL_DECODER,
            width=width,
            checkpointing=checkpointing,
            weights=weights,
        )
