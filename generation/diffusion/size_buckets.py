"""Sizes to paint at: the aspect of a mask at the area that a model was trained for.

Masks of near aspects share a size, and so a batch and a compiled graph.
"""

from math import sqrt


def bucket(size: tuple[int, int], *, side: int, multiple: int) -> tuple[int, int]:
    """Return the size to paint a mask at.

    Published code squashes each mask to a square and lengthens the object by as much again. Here
    what is left of that is the rounding to `multiple`: at 512 and 64 at most 14 per cent for
    aspects up to 2:1. Painters bring the image back to the mask's own size, so that it fits.

    Args:
        size: (height, width) of the mask in pixels, each 1 or more.
        side: The area is about that of a square with this side.
        multiple: Of which height and width must be.

    Returns:
        (height, width), each at least `multiple` and at most twice `side`: a longer picture than
        4:1 is painted at 4:1, as no model has seen longer ones.

    Raises:
        ValueError: If the side is not a multiple of `multiple`.

    Example:
        >>> bucket((1000, 1500), side=512, multiple=64)
        (448, 640)
    """
    if side < multiple or side % multiple:
        near = max(multiple, round(side / multiple) * multiple)
        raise ValueError(
            f"size {side} is not a multiple of {multiple}, which this model needs: give {near}"
        )
    root = sqrt(size[0] / size[1])
    height, width = side * root, side / root
    return _rounded(height, side, multiple), _rounded(width, side, multiple)


def _rounded(length: float, side: int, multiple: int) -> int:
    return min(max(round(length / multiple), 1) * multiple, 2 * side)
