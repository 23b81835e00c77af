"""Random transforms of a pair: the same draw for every plane, seeded by the caller."""

from collections.abc import Iterator, Sequence
from copy import deepcopy

import albumentations
import cv2
import numpy as np
from albumentations import BaseCompose, BasicTransform

from datamodules.planes import Planes
from datamodules.sample import MaskKind
from datamodules.seeds import seed_for

_KEEP_FRAME = (
    albumentations.HorizontalFlip,
    albumentations.VerticalFlip,
    albumentations.Transpose,
    albumentations.RandomRotate90,
    albumentations.D4,
    albumentations.SquareSymmetry,
)


class JointTransform:
    """Apply albumentations transforms to image, mask, weight and counterfactual together.

    Pixel transforms change image and counterfactual by the same draw and never mask or weight.
    Geometric transforms move all planes; an ALPHA mask is interpolated linearly, so that soft
    edges stay, LABELS by nearest neighbour. Pixels that come from outside the photo (constant
    fill of a rotation, shift or perspective) get weight 0; with a reflecting border they are
    pixels of the photo, mask included, and keep their weight.

    Args:
        transforms: In order; ``OneOf`` and the like may hold others.
        mask_kind: How masks are read.

    Raises:
        ValueError: If a transform fills masks with anything but 0.

    Example:
        >>> flip = JointTransform([albumentations.HorizontalFlip(p=1.0)])
        >>> image, mask = np.zeros((1, 2, 3), np.uint8), np.array([[0, 255]], np.uint8)
        >>> flip(Planes(image=image, mask=mask, weight=None), seed=0).mask
        array([[255,   0]], dtype=uint8)
    """

    def __init__(
        self,
        transforms: Sequence[BasicTransform | BaseCompose],
        *,
        mask_kind: MaskKind = MaskKind.ALPHA,
    ) -> None:
        self._compose = albumentations.Compose(
            deepcopy(list(transforms)),  # Compose writes its interpolation into them
            additional_targets={"weight": "mask", "counterfactual": "image"},
            mask_interpolation=cv2.INTER_LINEAR
            if mask_kind is MaskKind.ALPHA
            else cv2.INTER_NEAREST,
        )
        for transform in _leaves(self._compose):
            if np.any(getattr(transform, "fill_mask", None) or 0):
                raise ValueError(
                    f"{type(transform).__name__} has fill_mask {transform.fill_mask}: only 0 is "
                    f"possible, because the fill also gives pixels from outside their weight 0"
                )

    @property
    def keeps_frame(self) -> bool:
        """Whether every result shows the whole photo at its size: only flips and pixel changes.

        Such transforms need no pixels beyond the training size.
        """
        return all(
            isinstance(transform, (*_KEEP_FRAME, albumentations.ImageOnlyTransform))
            for transform in _leaves(self._compose)
        )

    def __call__(self, planes: Planes, seed: int) -> Planes:
        """Return transformed planes, as a function of `planes` and `seed` alone.

        Raises:
            ValueError: If the result is not uint8; normalisation belongs to the network.
        """
        _seed(self._compose, seed)
        weight = planes.weight
        if weight is None and not self.keeps_frame:
            weight = np.full_like(planes.mask, 255)  # to see what comes from outside
        result = self._compose(
            image=planes.image,
            mask=planes.mask,
            **({} if weight is None else {"weight": weight}),
            **({} if planes.counterfactual is None else {"counterfactual": planes.counterfactual}),
        )
        if result["image"].dtype != np.uint8 or result["mask"].dtype != np.uint8:
            raise ValueError(
                f"transforms made {result['image'].dtype} of the image and "
                f"{result['mask'].dtype} of the mask: remove Normalize, ToFloat and the like, "
                f"both must stay uint8"
            )
        weight = result.get("weight")
        counts_fully = planes.weight is None and weight is not None and bool((weight == 255).all())
        return Planes(
            image=result["image"],
            mask=result["mask"],
            weight=None if counts_fully else weight,
            counterfactual=result.get("counterfactual"),
        )


def _seed(transform: BasicTransform | BaseCompose, seed: int) -> None:
    """Give every transform of the tree its own seed.

    ``Compose.set_random_seed`` gives all of them the same: two flips of p 0.5 would then always
    happen together.
    """
    transform.set_random_seed(seed)
    if isinstance(transform, BaseCompose):
        for place, child in enumerate(transform.transforms):
            _seed(child, seed_for(seed, place))


def _leaves(transform: BasicTransform | BaseCompose) -> Iterator[BasicTransform]:
    if isinstance(transform, BaseCompose):
        for child in transform.transforms:
            yield from _leaves(child)
    else:
        yield transform
