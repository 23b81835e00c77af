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


def coloured(labels: Pixels) -> Pixels:
    """Return ``(H, W, 3)`` RGB of ``(H, W)`` labels; background (0) and void (255) are black."""
    colours = np.zeros((256, 3), np.uint8)
    for label in np.unique(labels).tolist():
        if 0 < label < _VOID:
            colours[label] = label_colour(label)
    return colours[labels]


def overlay(image: Pixels, labels: Pixels) -> Pixels:
    """Return an image with its labels in colours, void pixels in black, ``(H, W, 3)`` RGB.

    Args:
        image: ``(H, W, 3)`` RGB.
        labels: ``(H, W)``; 0 is background.
    """
    return _blended(image, coloured(labels), (labels > 0).astype(np.float32))


def label_overlay(sample: Sample) -> Pixels:
    """Return ``(H, W, 3)`` RGB: the image with its labels in colours, void pixels in black.

    A soft mask is label 1 as far as it covers.
    """
    image = np.ascontiguousarray(sample.image.numpy().transpose(1, 2, 0))
    mask = sample.mask.numpy()
    if sample.mask_kind is MaskKind.LABELS:
        return overlay(image, mask)
    return _blended(image, coloured(np.ones_like(mask)), mask.astype(np.float32) / np.float32(255))


def objects_of(sample: Sample) -> npt.NDArray[np.bool_]:
    """Return ``(H, W)``: what is neither background nor void; of a soft mask, from half on."""
    mask = sample.mask.numpy()
    if sample.mask_kind is MaskKind.ALPHA:
        return mask >= 128
    return (mask > 0) & (mask < _VOID)


def _blended(image: Pixels, colours: Pixels, cover: npt.NDArray[np.float32]) -> Pixels:
    share = (_STRENGTH * cover)[..., None]
    return np.round(image * (1 - share) + colours * share).astype(np.uint8)
