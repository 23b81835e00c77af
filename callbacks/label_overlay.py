"""A label map over its image, and the colours of labels."""

import colorsys

import numpy as np
import numpy.typing as npt

from datamodules.sample import MaskKind, Sample

Pixels = npt.NDArray[np.uint8]
_STRENGTH = 0.55  # of the colour over the image
_VOID = 255
_GOLDEN = 0.61803398875  # neighbouring labels get hues far apart, however many there are


def label_colour(label: int) -> tuple[int, int, int]:
    """Return the RGB colour of a label from 1 on; it depends on the number alone."""
    red, green, blue = colorsys.hsv_to_rgb((0.58 + (label - 1) * _GOLDEN) % 1, 0.75, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def label_overlay(sample: Sample) -> Pixels:
    """Return ``(H, W, 3)`` RGB: the image with its labels in colours, void pixels in black.

    A soft mask is label 1 as far as it covers.
    """
    image = np.ascontiguousarray(sample.image.numpy().transpose(1, 2, 0)).astype(np.float32)
    mask = sample.mask.numpy()
    if sample.mask_kind is MaskKind.ALPHA:
        labels, cover = np.ones_like(mask), mask.astype(np.float32) / 255
    else:
        labels, cover = mask, (mask > 0).astype(np.float32)
    colours = np.zeros((256, 3), np.float32)
    for label in np.unique(labels).tolist():
        if 0 < label < _VOID:
            colours[label] = label_colour(label)
    share = (_STRENGTH * cover)[..., None]
    return np.round(image * (1 - share) + colours[labels] * share).astype(np.uint8)


def objects_of(sample: Sample) -> npt.NDArray[np.bool_]:
    """Return ``(H, W)``: what is neither background nor void; of a soft mask, from half on."""
    mask = sample.mask.numpy()
    if sample.mask_kind is MaskKind.ALPHA:
        return mask >= 128
    return (mask > 0) & (mask < _VOID)
