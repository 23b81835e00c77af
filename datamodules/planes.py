"""The pixel planes of one pair between its files and its view, as NumPy arrays.

Letters: H, W the common height and width of all planes.
"""

from dataclasses import dataclass

import cv2
import cv2.typing
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.decode import DecodeError, read_image
from datamodules.decode_mask import read_mask, read_mask_and_void
from datamodules.folder import PairFiles
from datamodules.resize import resize
from datamodules.sample import MaskKind, Sample


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Planes:
    """One pair, decoded."""

    image: NDArray[np.uint8]
    """``(H, W, 3)`` RGB."""
    mask: NDArray[np.uint8]
    """``(H, W)``, soft coverage."""
    weight: NDArray[np.uint8] | None
    """``(H, W)``, how far each pixel counts. None: all fully."""
    counterfactual: NDArray[np.uint8] | None = None
    """``(H, W, 3)`` RGB, the same scene without the object. None: there is none."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of every plane."""
        return self.mask.shape[0], self.mask.shape[1]


def read_planes(files: PairFiles, *, void: int | None = None) -> Planes:
    """Decode the files of one pair at their own size.

    Args:
        files: Of the pair.
        void: Stored mask value that means "unknown", see `read_mask_and_void`: such pixels get
            weight 0 and mask 0. It must be taken out before any resizing, which would mix it
            with its neighbours.

    Raises:
        DecodeError: If a file cannot be decoded or the sizes differ.
    """
    image = read_image(files.image)
    mask, is_void = read_mask_and_void(files.mask, void)
    weight = None if files.weight is None else read_mask(files.weight)
    for path, plane in ((files.mask, mask), (files.weight, weight)):
        if plane is not None and plane.shape != image.shape[:2]:
            raise DecodeError(
                f"{path}: size {plane.shape} is not that of {files.image}, {image.shape[:2]}: "
                f"export both at one size"
            )
    if is_void is not None and is_void.any():
        weight = np.full_like(mask, 255) if weight is None else weight
        weight[is_void] = 0
    return Planes(image=image, mask=mask, weight=weight)


def resize_planes(planes: Planes, size: tuple[int, int]) -> Planes:
    """Resize every plane to (height, width), like `resize` on each of them but faster."""
    if planes.size == size:
        return planes
    # The kernel takes as long for one channel as for four: image and mask travel together
    together = cv2.cvtColor(planes.image, cv2.COLOR_RGB2RGBA)
    cv2.insertChannel(planes.mask, together, 3)
    resized = resize(_bytes(together), size)
    counterfactual = planes.counterfactual
    return Planes(
        image=_bytes(cv2.cvtColor(resized, cv2.COLOR_RGBA2RGB)),
        mask=_bytes(cv2.extractChannel(resized, 3)),
        weight=None if planes.weight is None else resize(planes.weight, size),
        counterfactual=None if counterfactual is None else resize(counterfactual, size),
    )


def planes_of(sample: Sample) -> Planes:
    """Return the planes of an ALPHA sample.

    Raises:
        ValueError: If its mask is a label map, whose values must not be interpolated.
    """
    if sample.mask_kind is not MaskKind.ALPHA:
        raise ValueError(f"{sample.id}: mask_kind is {sample.mask_kind}, must be alpha here")
    counterfactual = sample.counterfactual
    return Planes(
        image=_channels_last(sample.image),
        mask=sample.mask.numpy(),
        weight=None if sample.weight is None else sample.weight.numpy(),
        counterfactual=None if counterfactual is None else _channels_last(counterfactual),
    )


def channels_first(image: NDArray[np.uint8]) -> Tensor:
    """Return ``(H, W, 3)`` uint8 as a contiguous ``(3, H, W)`` uint8 tensor."""
    planes = np.empty((3, *image.shape[:2]), dtype=np.uint8)
    cv2.split(image, list(planes))  # several times faster than a transposed copy
    return torch.from_numpy(planes)


def _channels_last(image: Tensor) -> NDArray[np.uint8]:
    return _bytes(cv2.merge(list(image.contiguous().numpy())))


def _bytes(array: cv2.typing.MatLike) -> NDArray[np.uint8]:
    """Give OpenCV's result, uint8 because its argument was, the type that says so."""
    assert array.dtype == np.uint8
    return array.view(np.uint8)
