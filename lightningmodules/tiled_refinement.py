"""A map of the whole photo, sharpened by maps of tiles that show the photo more closely.

The whole photo says what the object is, the tiles where exactly it ends. A tile without its
surroundings takes parts of the background for objects, and the inside of an object for background;
so tiles count around the borders that the whole photo found, and nowhere else.

Kim et al., "Revisiting Image Pyramid Structure for High Resolution Salient Object Detection"
(InSPyReNet), ACCV 2022, blends the details of a large view into a small view where the dilated map
of the small view exceeds the eroded one. Here the tiles' map itself takes the place there, since
the network was not trained to give a pyramid.

Letters: H, W the network's size; h, w the size that the tiles are cut from; k tiles.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from datamodules.batch import Batch
from datamodules.sample import MaskKind
from networks.sliding_window import sliding_window

# In pixels of the network, to both sides: a border is wrong by one or two of them. Of 1, 2 and 4
# the best max F on validation scenes of the quickstart.
_REACH = 2


def tiled_map(
    predict: Callable[[Tensor], Tensor], photo: Tensor, size: tuple[int, int], batch_size: int
) -> Tensor:
    """Return a photo's map out of maps of its tiles, which overlap by half and have no seams.

    Args:
        predict: From ``(k, 3, H, W)`` float RGB in [0, 1] to ``(k, 1, H, W)`` float in [0, 1].
        photo: ``(3, h, w)`` uint8, no side smaller than that of a tile.
        size: (H, W).
        batch_size: Tiles at once.

    Returns:
        ``(1, h, w)`` float in [0, 1].
    """
    height, width = size
    stride = max(1, height // 2), max(1, width // 2)
    image = photo[None].float() / 255
    found = sliding_window(
        predict, image, window=size, stride=stride, blend="pyramid", batch_size=batch_size
    )
    return found[0]


def refined(whole: Tensor, tiled: Tensor) -> Tensor:
    """Return the map of the whole photo, that of its tiles in its place around its borders.

    Args:
        whole: ``(1, H, W)`` float in [0, 1].
        tiled: ``(1, h, w)`` float in [0, 1].

    Returns:
        ``(h, w)`` float in [0, 1]: ``w + t (tiled - w)`` with the enlarged `whole` w and the
        enlarged `transition` t.
    """
    size = (tiled.shape[1], tiled.shape[2])
    known, share = (_enlarged(x, size) for x in (whole, transition(whole)))
    return known.lerp(tiled, share)[0].clamp(0, 1)


def transition(whole: Tensor) -> Tensor:
    """Return how much a map changes around each pixel: dilated less eroded, then smoothed.

    Args:
        whole: ``(1, H, W)`` float in [0, 1].

    Returns:
        ``(1, H, W)`` float in [0, 1]: 1 at a border from 0 to 1, 0 where the map is flat.
    """
    side = 2 * _REACH + 1
    changes = F.max_pool2d(whole, side, 1, _REACH) + F.max_pool2d(-whole, side, 1, _REACH)
    return F.avg_pool2d(changes, 3, 1, 1, count_include_pad=False)  # no step at its own border


def tile_batch(tiles: Tensor) -> Batch:
    """Return tiles as a batch of which nothing else is known.

    Args:
        tiles: ``(k, 3, H, W)`` float RGB in [0, 1].
    """
    number, _, height, width = tiles.shape
    unknown = tiles.new_zeros(number, 1, height, width)
    return Batch(
        id=[""] * number,
        image=tiles,
        mask=unknown,
        weight=unknown,
        mask_kind=MaskKind.ALPHA,
        class_names=[("object",)] * number,
        prompt=[""] * number,
        size=[(height, width)] * number,
        counterfactual=None,
        has_counterfactual=torch.zeros(number, dtype=torch.bool, device=tiles.device),
        truth=[None] * number,
        truth_weight=[None] * number,
    )


def _enlarged(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x[None], size, mode="bilinear", align_corners=False)[0]
