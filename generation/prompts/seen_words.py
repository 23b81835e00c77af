"""Words for what can be measured in a pair: the shape of its mask, the colour of its object."""

import cv2
import numpy as np
from numpy.typing import NDArray

_HALF = 128


def shape_words(mask: NDArray[np.uint8]) -> tuple[str, ...]:
    """Return which of `generation.prompts.templates.SHAPES` hold for a mask.

    They go by the box around the object, by its convex hull, and by how much of the hull it fills;
    the bounds are ours, chosen so that each word holds for some of the procedural objects.

    Args:
        mask: ``(H, W)`` coverage; its sides count as equally long where it says "large".

    Returns:
        None of an empty mask.
    """
    solid = (mask >= _HALF).astype(np.uint8)
    points = cv2.findNonZero(solid)
    if points is None:
        return ()
    _, _, width, height = cv2.boundingRect(points)
    hull = cv2.convexHull(_corners(points.astype(np.int32)))
    area, around = cv2.contourArea(hull), cv2.arcLength(hull, closed=True)
    roundness = 4 * np.pi * area / around**2  # 1 of a disc, .785 of a square
    boxed, tallness = area / (width * height), height / width
    filled = int(solid.sum()) / area
    longest = max(width / mask.shape[1], height / mask.shape[0])
    even = 0.77 < tallness < 1.3
    holds = {
        "round": even and roundness > 0.86,
        "oval": not even and roundness > 0.8 and boxed < 0.88,
        "square": even and boxed > 0.88,
        "angular": boxed > 0.88,
        "tall": tallness > 1.3,
        "narrow": tallness > 2,
        "wide": tallness < 0.77,
        "low": tallness < 0.6,
        "long": tallness < 0.5,
        "slender": filled < 0.3,
        "sturdy": filled > 0.6,
        "large": longest > 0.88,
        "small": longest < 0.7,
    }
    return tuple(word for word, is_so in holds.items() if is_so)


def colour_words(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> tuple[str, ...]:
    """Return which of the materials in `generation.prompts.templates.SLOTS` an object looks like.

    They go by its mean colour: a hue, or how bright it is where it is grey.

    Args:
        image: ``(H, W, 3)`` RGB.
        mask: ``(H, W)`` coverage.

    Returns:
        None where no name fits, or the mask is empty.
    """
    inside = mask >= _HALF
    if not inside.any():
        return ()
    mean = image[inside].mean(axis=0, dtype=np.float64).astype(np.float32).reshape(1, 1, 3) / 255
    hue, depth, value = (float(x) for x in cv2.cvtColor(mean, cv2.COLOR_RGB2HSV)[0, 0])
    if value < 0.25:
        return ("black",)
    if depth < 0.2:
        return ("white",) if value > 0.7 else ("metal", "iron")
    holds = {
        "red": hue < 12 or hue > 335,
        "wooden": 12 <= hue < 42 and depth < 0.75,
        "yellow": 42 <= hue < 68,
        "green": 68 <= hue < 165,
        "blue": 165 <= hue < 260,
    }
    return tuple(word for word, is_so in holds.items() if is_so)


def _corners(points: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the four corners of each pixel, so that a pixel has an area."""
    steps = np.array([(0, 0), (1, 0), (0, 1), (1, 1)], np.int32)
    return (points + steps).reshape(-1, 1, 2)
