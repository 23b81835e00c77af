"""The encoder of a trained segmentation network as an extractor of features.

What such a network returns is one channel of logits, of which nothing can be told; what tells
pictures apart is its deepest map of features. Both classes have the keys of the network they hold,
so the ``weights.safetensors`` of a fit goes into `networks.features.FeatureExtractor` as it is.

Letters: B images; H, W the input's size; C, h, w the deepest map's channels and size.
"""

from torch import Tensor, nn

from networks.outputs import Outputs


class DeepestFeatures(nn.Module):
    """The last of the feature maps that a network of ours returns.

    Args:
        net: Takes ``(B, 3, H, W)``; returns `Outputs` with features, the deepest last, as
            `networks.isnet.ISNet` does.

    Example:
        >>> import torch
        >>> from networks.isnet import ISNet
        >>> DeepestFeatures(ISNet(width=1 / 16)).eval()(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 32, 1, 1])
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        """Return ``(B, C, h, w)`` float features.

        Args:
            image: ``(B, 3, H, W)`` float, normalised as in training.

        Raises:
            ValueError: If the network returns no features.
        """
        outputs = self.net(image)
        if not isinstance(outputs, Outputs) or not outputs.features:
            raise ValueError(
                f"{type(self.net).__name__} returns no features: DeepestFeatures needs a "
                "network of ours such as ISNet; for one of segmentation_models_pytorch give "
                "EncoderFeatures"
            )
        return outputs.features[-1]


class EncoderFeatures(nn.Module):
    """The last map of the encoder of a network of ``segmentation_models_pytorch``.

    Args:
        net: Has that library's ``encoder``, which returns its maps, the deepest last.

    Raises:
        ValueError: If it has none.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        encoder = getattr(net, "encoder", None)
        if not isinstance(encoder, nn.Module):
            raise ValueError(
                f"{type(net).__name__} has no encoder: EncoderFeatures needs a network of "
                "segmentation_models_pytorch; for one of ours give DeepestFeatures"
            )
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        """Return ``(B, C, h, w)`` float features.

        Args:
            image: ``(B, 3, H, W)`` float, normalised as in training; most encoders want sizes that
                are multiples of 32.
        """
        features: Tensor = self.net.encoder(image)[-1]  # type: ignore[operator]  # see __init__
        return features
