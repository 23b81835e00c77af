"""IS-Net for dichotomous segmentation, and the encoder of true masks that supervises its features.

Qin et al., "Highly Accurate Dichotomous Image Segmentation", ECCV 2022. Written from the structure
of the authors' state dicts (xuebinqin/DIS, Apache-2.0), whose keys and outputs it reproduces.

Letters: B samples; C channels; H, W the input's size; h, w a map's own size.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from networks.outputs import Outputs
from networks.residual_u import Channels, ResidualUStages, scaled, scaled_count
from networks.weights import load_weights

# channels at width 1 of stage1, stage2, ...
_ENCODER: tuple[Channels, ...] = (
    (64, 32, 64),
    (64, 32, 128),
    (128, 64, 256),
    (256, 128, 512),
    (512, 256, 512),
    (512, 256, 512),
)
_MASK_ENCODER: tuple[Channels, ...] = (
    (16, 16, 64),
    (64, 16, 64),
    (64, 32, 128),
    (128, 32, 256),
    (256, 64, 512),
    (512, 64, 512),
)
# of stage1d, stage2d, ...; the first number is that of each of the two maps that go in
_DECODER: tuple[Channels, ...] = (
    (64, 16, 64),
    (128, 32, 64),
    (256, 64, 128),
    (512, 128, 256),
    (512, 256, 512),
)
_SIDES = (64, 64, 128, 256, 512, 512)


class ISNet(ResidualUStages):
    """Six logit maps and six feature maps of a normalised image.

    Args:
        width: Factor on every channel count inside; 1 is the published network (44 M parameters),
            1/4 trains on a CPU (2.8 M).
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
            [scaled(channels, width) for channels in _ENCODER],
            [scaled_count(channels, width) for channels in _SIDES],
            checkpointing=checkpointing,
        )
        self.conv_in = nn.Conv2d(3, scaled_count(64, width), 3, stride=2, padding=1)
        self.add_decoder([scaled(channels, width) for channels in _DECODER])
        if weights is not None:
            load_weights(self, weights)

    def forward(self, image: Tensor) -> Outputs:
        """Return the maps of an image.

        Args:
            image: ``(B, 3, H, W)`` float, normalised as the weights ask (published: RGB in [0, 1]
                less .5). Any height and width from 1 px.

        Returns:
            Six logit maps ``(B, 1, h, w)``, the finest (half the input) first, and the decoder's
            six feature maps ``(B, C, h, w)`` in the same order.
        """
        features = self.decode(self.encode(self.conv_in(image)))
        return Outputs(logits=self.sides(features), features=features)


class ISNetGTEncoder(ResidualUStages):
    """The encoder of true masks: trained to return its input, then frozen to supervise `ISNet`.

    Its features have the channels and sizes of those of the `ISNet` of the same width.

    Args:
        width: As for `ISNet`; 1 is the published encoder (6.9 M parameters).
        checkpointing: As for `ISNet`.
        weights: As for `ISNet`.

    Raises:
        WeightsError: If `weights` cannot be had or do not fit.
    """

    def __init__(
        self, width: float = 1.0, checkpointing: bool = False, weights: str | None = None
    ) -> None:
        super().__init__(
            [scaled(channels, width) for channels in _MASK_ENCODER],
            [scaled_count(channels, width) for channels in _SIDES],
            checkpointing=checkpointing,
        )
        self.conv_in = _StridedConv(1, scaled_count(16, width))
        if weights is not None:
            load_weights(self, weights)

    def forward(self, mask: Tensor) -> Outputs:
        """Return the maps of a mask.

        Args:
            mask: ``(B, 1, H, W)`` float in [0, 1]. Any height and width from 1 px.

        Returns:
            Six logit maps ``(B, 1, h, w)``, the finest (half the input) first, and the encoder's
            six feature maps ``(B, C, h, w)`` in the same order.
        """
        features = self.encode(self.conv_in(mask))
        return Outputs(logits=self.sides(features), features=features)


class _StridedConv(nn.Module):
    """Convolution of stride 2, batch norm and ReLU, under the published names."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))
