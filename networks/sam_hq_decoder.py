"""The decoder of SAM-HQ as it was published, in transformers' model."""

from typing import Any

from torch import Tensor, nn

_EPSILON = 1e-5  # of the published decoder's norms


def as_published(net: nn.Module) -> None:
    """Let a ``SamHQModel`` of transformers draw the masks of the published code; changes it.

    Its decoder (transformers 4.53 to 5.23 at least) drops what the two-way transformer made of the
    image, and draws masks on the image's embedding from before, with rows and columns exchanged.
    Its norms add 1e-6 to the variance instead of 1e-5. A model that does neither is left the same.

    Source: Ke et al., "Segment Anything in High Quality", NeurIPS 2023 (code Apache-2.0).

    Args:
        net: A ``transformers.SamHQModel``.
    """
    decoder: Any = net.mask_decoder
    for layer in decoder.transformer.layers:
        for number in range(1, 5):
            getattr(layer, f"layer_norm{number}").eps = _EPSILON
    attended: list[Tensor] = []

    def keep(_: nn.Module, __: tuple[Any, ...], found: tuple[Tensor, Tensor]) -> None:
        attended[:] = [found[1]]

    def use(_: nn.Module, given: tuple[Tensor]) -> Tensor:
        # (B N, 1, H W, C) to (B N, C, H, W)
        return attended.pop().transpose(2, 3).reshape(given[0].shape)

    decoder.transformer.register_forward_hook(keep)
    decoder.upscale_conv1.register_forward_pre_hook(use)
