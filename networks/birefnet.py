"""BiRefNet for dichotomous segmentation at high resolution.

Zheng et al., "Bilateral Reference for High-Resolution Dichotomous Image Segmentation", CAAI AIR
2024. Written from the paper and the structure of the authors' state dicts (ZhengPeng7/BiRefNet,
MIT), whose keys and outputs it reproduces.

Letters: B samples; C channels; H, W the input's size; h, w a map's own size.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from networks.birefnet_decoder import DecoderBlock, ReferenceDecoder, resized
from networks.outputs import Outputs
from networks.swin import Swin
from networks.weights import load_weights

_DIVISOR = 32  # of height and width: the coarsest feature map is the 32nd part


class BiRefNet(nn.Module):
    """Four logit maps and three maps of edges of a normalised image.

    Args:
        backbone: `networks.swin.SwinL` for the published network (220 M parameters),
            `networks.swin.SwinT` for its lite form (44 M).
        batch_norm: False for batches of one sample in training, and for official weights that were
            trained so: the released code leaves all batch norms of the decoder out then.
        num_checkpointed: Blocks of the decoder, from the highest resolution down, that are
            recomputed in the backward pass instead of keeping their activations; 4 for all. The
            backbone has its own number.
        weights: What to load, see `networks.weights.load_weights`. None: random.

    Raises:
        WeightsError: If `weights` cannot be had or do not fit.
    """

    def __init__(
        self,
        backbone: Swin,
        *,
        batch_norm: bool = True,
        num_checkpointed: int = 0,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        self.bb = backbone
        channels = [2 * count for count in backbone.channels]  # of two scales
        self.squeeze_module = nn.Sequential(
            DecoderBlock(sum(channels), channels[-1], batch_norm=batch_norm)
        )
        self.decoder = ReferenceDecoder(
            channels, batch_norm=batch_norm, num_checkpointed=num_checkpointed
        )
        if weights is not None:
            load_weights(self, weights)

    def forward(self, image: Tensor) -> Outputs:
        """Return the maps of an image.

        Args:
            image: ``(B, 3, H, W)`` float, normalised as the weights ask (published: RGB by the mean
                and deviation of ImageNet). Height and width are multiples of 32; `ImageInput` with
                divisor 32 takes any.

        Returns:
            As logits the result ``(B, 1, H, W)``, then side maps of 1/8, 1/16 and 1/32 of the size;
            as features the logits of the edges inside the object, of the same three sizes.

        Raises:
            ValueError: For other sizes, and in training for one sample with batch norms.
        """
        self._check(image)
        features = self._two_scales(image)
        # the deepest features see all others; then few channels carry them to the decoder
        coarse = [resized(x, features[-1]) for x in features[:-1]]
        deepest = self.squeeze_module(torch.cat((*coarse, features[-1]), 1))
        return self.decoder(image, [*features[:-1], deepest])

    def check_image_size(self, height: int, width: int) -> None:
        """Compare the pixels of an image to come with the coarsest features.

        Raises:
            ValueError: If a side is no multiple of 32.
        """
        if height % _DIVISOR or width % _DIVISOR:
            raise ValueError(
                f"BiRefNet got an image of {height}x{width}: height and width must be multiples of "
                f"{_DIVISOR}; give data.size one, or networks.adapter.ImageInput divisor {_DIVISOR}"
            )

    def _check(self, image: Tensor) -> None:
        self.check_image_size(*image.shape[2:])
        # norms that are synchronised see the samples of the other processes too
        if (
            self.training
            and len(image) == 1
            and any(type(x) is nn.BatchNorm2d for x in self.modules())
        ):
            raise ValueError(
                "BiRefNet got one sample to train on, and its batch norms need two: raise the "
                "batch size of each process, or give it batch_norm false"
            )

    def _two_scales(self, image: Tensor) -> list[Tensor]:
        """Return the backbone's features of the image beside those of the image at half size."""
        height, width = image.shape[2:]
        half = F.interpolate(
            image, size=(height // 2, width // 2), mode="bilinear", align_corners=True
        )
        pairs: Sequence[tuple[Tensor, Tensor]] = list(
            zip(self.bb(image), self.bb(half), strict=True)
        )
        return [torch.cat((x, resized(y, x)), 1) for x, y in pairs]
