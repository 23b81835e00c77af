"""Adapters: networks that see one tensor become networks that see the batch.

Letters: B samples; H, W the batch's size; h, w a map's own size.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from networks.image_size import ChecksImageSize
from networks.outputs import Outputs
from networks.padding import crop_to, pad_to_multiple
from networks.weights import load_weights


class ImageAndMask(Protocol):
    """What the adapters read of a batch."""

    @property
    def image(self) -> Tensor:
        """``(B, 3, H, W)`` float RGB in [0, 1]."""

    @property
    def mask(self) -> Tensor:
        """``(B, 1, H, W)`` float in [0, 1]."""


class ImageInput(nn.Module):
    """Feeds a network ``net(image)`` with the batch's image, normalised.

    Made for any network of images: ours, ``segmentation_models_pytorch``, timm.

    Args:
        net: Takes ``(B, 3, H, W)``; returns `Outputs`, one map ``(B, 1, h, w)`` of logits, or a
            sequence of them with the result first.
        mean: Taken off each channel.
        std: Each channel is then divided by it.
        weights: What to load into `net`, see `networks.weights.load_weights`. None: as it comes.
        divisor: Height and width that `net` accepts are multiples of it (32 for most encoders of
            segmentation_models_pytorch). The image is continued to the right and below by its last
            pixels, and the maps are cropped back, so that any size works.

    Raises:
        ValueError: If mean and std do not match, a std is 0, or divisor is below 1.
        WeightsError: If `weights` cannot be had or do not fit.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        net: nn.Module,
        mean: Sequence[float] = (0.5, 0.5, 0.5),
        *,
        std: Sequence[float] = (1.0, 1.0, 1.0),
        weights: str | None = None,
        divisor: int = 1,
    ) -> None:
        super().__init__()
        if len(mean) != len(std) or 0 in std:
            raise ValueError(
                f"mean {list(mean)} and std {list(std)} need one value a channel, and no std of 0"
            )
        if divisor < 1:
            raise ValueError(f"divisor {divisor}: give 1 or more, 1 for any size")
        self.net = net
        self.divisor = divisor
        # not saved: the keys stay those of the network
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)
        if weights is not None:
            load_weights(net, weights)

    def forward(self, batch: ImageAndMask) -> Outputs:
        """Return the network's maps of the batch's image.

        Where the image had to be continued, every map has its full size (H, W): smaller ones are
        resized before the crop, so that all stay aligned. Features are left as they are.
        """
        # the statistics follow the network's precision, and take the image with them
        image = (batch.image.to(self.mean.dtype) - self.mean) / self.std
        # repeated, not mirrored: a mirror needs an image larger than what is added
        whole = pad_to_multiple(image, self.divisor, mode="replicate")
        outputs = _as_outputs(self.net, self.net(whole))
        if whole is image:
            return outputs
        full = [crop_to(_resize(x, whole), image) for x in outputs.logits]
        return Outputs(logits=full, features=outputs.features)

    def check_image_size(self, height: int, width: int) -> None:
        """Compare the pixels of an image to come, continued to the divisor, with what `net` sees.

        Raises:
            ValueError: If they do not fit.
        """
        if isinstance(self.net, ChecksImageSize):
            self.net.check_image_size(*(x + -x % self.divisor for x in (height, width)))


class MaskInput(nn.Module):
    """Feeds a network ``net(mask)`` with the batch's mask: the encoder of true masks.

    Args:
        net: Takes ``(B, 1, H, W)`` in [0, 1]; returns what `ImageInput` accepts.
        weights: What to load into `net`, see `networks.weights.load_weights`. None: as it comes.

    Raises:
        WeightsError: If `weights` cannot be had or do not fit.
    """

    def __init__(self, net: nn.Module, weights: str | None = None) -> None:
        super().__init__()
        self.net = net
        if weights is not None:
            load_weights(net, weights)

    def forward(self, batch: ImageAndMask) -> Outputs:
        """Return the network's maps of the batch's mask."""
        precision = next((p.dtype for p in self.net.parameters()), batch.mask.dtype)
        return _as_outputs(self.net, self.net(batch.mask.to(precision)))


def _as_outputs(net: nn.Module, result: object) -> Outputs:
    if isinstance(result, Outputs):
        return result
    maps = list(result) if isinstance(result, list | tuple) else [result]
    tensors = [x for x in maps if isinstance(x, Tensor)]
    if not tensors or len(tensors) < len(maps):
        raise ValueError(
            f"{type(net).__name__} returned {type(result).__name__}: a network must return a "
            "tensor of logits, a list of them, or networks.outputs.Outputs"
        )
    if any(x.shape[1] != 1 for x in tensors):
        raise ValueError(
            f"{type(net).__name__} returned maps of {[x.shape[1] for x in tensors]} channels: "
            "one is needed, the logit of the object"
        )
    return Outputs(logits=tensors)


def _resize(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)
