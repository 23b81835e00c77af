"""Networks that turn images or masks into one feature vector each, for distances between sets.

Letters: B images; H, W the extractor's size; D the length of a feature.
"""

from collections.abc import Sequence
from hashlib import blake2b

import timm
import torch
from timm.models import PretrainedCfg
from torch import Tensor, nn

from networks.weights import load_weights


class FeatureExtractor(nn.Module):
    """Any network of images as an extractor: a trained encoder of ours, or `RandomPyramid`.

    Args:
        net: Takes ``(B, 3, H, W)``; returns ``(B, D)``, or ``(B, D, h, w)`` that is averaged over
            its places, D at least 2. Of a trained segmentation network: see `networks.encoder`.
        size: Height and width that images are resized to.
        mean: Taken off each channel.
        std: Each channel is then divided by it.
        weights: What to load into `net`, see `networks.weights.load_weights`. None: as it comes.
        name: Stands in the result. Empty: the class of `net`.

    Raises:
        ValueError: If mean and std are not three values each, or a std is 0.
        WeightsError: If `weights` cannot be had or do not fit.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        net: nn.Module,
        size: int,
        *,
        mean: Sequence[float] = (0.5, 0.5, 0.5),
        std: Sequence[float] = (1.0, 1.0, 1.0),
        weights: str | None = None,
        name: str = "",
    ) -> None:
        super().__init__()
        if len(mean) != 3 or len(std) != 3 or 0 in std:
            raise ValueError(
                f"mean {list(mean)} and std {list(std)} need three values each, and no std of 0"
            )
        if weights is not None:
            load_weights(net, weights)
        self.net = net.requires_grad_(False)
        self.size = (size, size)
        source = "" if weights is None else f" of {weights}"
        self.name = f"{name or type(net).__name__}{source}, {size} px"
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return one feature an image, ``(B, D)`` float32.

        Args:
            pixels: ``(B, 3, H, W)`` float RGB in [0, 1] (a bicubic filter may overshoot), or
                ``(B, 1, H, W)`` masks, which are repeated to three channels.

        Raises:
            ValueError: If the network returns something else than features.
        """
        x = (pixels.expand(-1, 3, -1, -1) - self.mean) / self.std
        features = self.net(x)
        if isinstance(features, Tensor) and features.ndim == 4:
            features = features.mean((2, 3))
        if not isinstance(features, Tensor) or features.shape[:-1] != (len(pixels),):
            raise ValueError(
                f"{self.name} returned no features: a network must return (B, D) or (B, D, h, w); "
                "for a segmentation network of ours, put it into networks.encoder.DeepestFeatures"
            )
        if features.shape[1] < 2:
            raise ValueError(
                f"{self.name} returned one channel, which are logits and no features: put the "
                "network into networks.encoder.EncoderFeatures"
            )
        return features.float()


class TimmFeatures(FeatureExtractor):
    """Any model of timm by name, at its own input size, with its own mean and std.

    The whole image is resized to a square; timm's centre crop is left out, as in FID and CMMD.
    Of the published extractors,

    - CMMD's (CLIP ViT-L/14 at 336 px) is ``vit_large_patch14_clip_quickgelu_336.openai`` with
      weights ``timm/vit_large_patch14_clip_336.openai`` and `projected`: the variant without
      quickgelu computes another activation than CLIP was trained with.
    - KID's is the TensorFlow Inception of FID, which timm does not have. The nearest is
      ``inception_v3.tf_in1k``; its numbers are not those of the literature (nor are torchvision's).

    Args:
        model: Name in timm, with its tag after a dot: the tag decides mean, std and size.
        weights: See `networks.weights.load_weights`; timm's own are hub ids ``timm/<name>``.
        projected: Whether the feature is what the last layer makes of the pooled one (CLIP's
            projection; for a classifier its logits). False: the pooled feature before it.

    Raises:
        ValueError: If timm has no such model.
        WeightsError: If the weights cannot be had or do not fit.
    """

    def __init__(self, model: str, weights: str, *, projected: bool = False) -> None:
        config = _config_of(model)
        net = timm.create_model(model)
        load_weights(net, weights)
        super().__init__(
            net if projected else PooledFeatures(net),
            config.input_size[-1],
            mean=config.mean,
            std=config.std,
            name=f"timm {model} of {weights}{', projected' if projected else ''}",
        )


class PooledFeatures(nn.Module):
    """A timm model without its last layer.

    Args:
        net: Has timm's ``forward_features`` and ``forward_head``.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, D)`` pooled features of ``(B, 3, H, W)``."""
        return self.net.forward_head(self.net.forward_features(x), pre_logits=True)  # type: ignore[operator]


def weights_hash(net: nn.Module) -> str:
    """Return 16 hexadecimal digits of the names, types, shapes and bytes of a network's weights.

    Example:
        >>> weights_hash(nn.Identity())
        'e4a6a0577479b2b4'
    """
    digest = blake2b(digest_size=8)
    for name, value in sorted(net.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _config_of(model: str) -> PretrainedCfg:
    try:
        config = timm.get_pretrained_cfg(model)
    except RuntimeError as error:  # a tag that the architecture does not have
        raise ValueError(f"timm {timm.__version__}: {error}") from error
    if config is None:
        raise ValueError(
            f"timm {timm.__version__} has no model {model!r}: timm.list_pretrained() lists them"
        )
    return config
