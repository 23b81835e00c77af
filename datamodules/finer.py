"""How much more closely than as a whole a photo can be looked at, tile by tile."""

from math import floor


def finer_size(
    photo_size: tuple[int, int], size: tuple[int, int], scale: float
) -> tuple[int, int] | None:
    """Return the (height, width) at which a photo is cut into tiles of `size`.

    No side is enlarged beyond the photo's own, which would show the network nothing new.

    Args:
        photo_size: (height, width) of the photo.
        size: (height, width) that the network sees.
        scale: How many times `size` the result is at most.

    Returns:
        None where the photo is no larger than `size`: it has been seen as closely as it can be.

    Example:
        >>> finer_size((3000, 300), (192, 192), 2)
        (384, 300)
        >>> finer_size((192, 100), (192, 192), 2) is None
        True
    """
    height, width = (
        max(least, min(own, floor(scale * least)))
        for own, least in zip(photo_size, size, strict=True)
    )
    return None if (height, width) == size else (height, width)
