"""A cut-out put before another background so that the photo's own edge stays.

Letters: H, W size of the pictures.
"""

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from generation.painters.push_pull import push_pull, reduced_size

Floats = NDArray[np.float32]

# ITU-R BT.601, as JPEG has it
_LUMA = np.array((0.299, 0.587, 0.114), np.float32)
# deviation in pixels of the blur of hue across edges: cameras and JPEG keep hue at half the
# resolution, and an edge as sharp in hue as in light is the plainest trace of a composite
_HUE_SOFTNESS = 1.0
_SMOOTH = 2.0  # pixels
_SHOWN = 1 / 16  # coverage: struts thinner than a pixel have no more
# of the edited mask; what differs less from the moved one is rounding
_TOLERANCE = 0.05


def exchanged(photo: Floats, alpha: Floats, old: Floats, new: Floats) -> Floats:
    """Return a photo with the light of one background exchanged for that of another.

    With p = a F + (1 - a) B the photo before another background B' is p + (1 - a)(B' - B).
    Neither the object's colour F nor an exact coverage is needed: edges, their blur and their
    grain are the photo's own, and an error of the coverage shows only as far as the backgrounds
    differ.

    Args:
        photo: ``(H, W, 3)`` float32 in grey levels.
        alpha: ``(H, W)`` float32 in [0, 1], the object's coverage a.
        old: ``(H, W, 3)`` float32, the light B of the background that it was taken before.
        new: ``(H, W, 3)`` float32, the light B' of the one that it is put before.

    Returns:
        ``(H, W, 3)`` float32.
    """
    # both are smooth but for their rounding to bytes, which would show as noise of hue
    change = cv2.GaussianBlur(new - old, (0, 0), _SMOOTH)
    soft = cv2.GaussianBlur(alpha, (0, 0), _HUE_SOFTNESS)
    return _exchanged(photo, alpha, np.asarray(soft, np.float32), np.asarray(change, np.float32))


@njit(nogil=True, cache=True)
def _exchanged(photo: Floats, alpha: Floats, soft: Floats, change: Floats) -> Floats:
    """Add a change of light, its hue by soft and its luma by exact coverage, in one pass."""
    height, width = alpha.shape
    result = np.empty_like(photo)
    for i in range(height):
        for j in range(width):
            luma = np.float32(0)
            for c in range(3):
                luma += _LUMA[c] * change[i, j, c]
            exact = (soft[i, j] - alpha[i, j]) * luma
            share = np.float32(1) - soft[i, j]
            for c in range(3):
                result[i, j, c] = photo[i, j, c] + share * change[i, j, c] + exact
    return result


def inlaid(scene: Floats, photo: Floats, mask: Floats, *, keep: float, fade: float) -> Floats:
    """Return a picture with part of a photo inlaid.

    Args:
        scene: ``(H, W, 3)`` float32.
        photo: ``(H, W, 3)`` float32, exchanged to fit the scene.
        mask: ``(H, W)`` float32 in [0, 1]; the photo is shown where it is above 1/16, struts
            thinner than a pixel included.
        keep: Pixels beyond the mask in which it is shown too: the outline's own surroundings.
        fade: Pixels over which the scene then takes over.

    Returns:
        ``(H, W, 3)`` float32.
    """
    away = cv2.distanceTransform((mask < _SHOWN).astype(np.uint8), cv2.DIST_L2, 3)
    share = np.clip((keep + fade - away) / fade, 0, 1)
    share = share * share * (3 - 2 * share)
    return scene + share[..., None] * (photo - scene)


def corrected(picture: Floats, scene: Floats, alpha: Floats, beyond: Floats) -> Floats:
    """Return a picture with the object taken away or continued where its mask was changed.

    Args:
        picture: ``(H, W, 3)`` float32 with the object.
        scene: ``(H, W, 3)`` float32 without it.
        alpha: ``(H, W)`` float32 in [0, 1], the object's coverage in the picture.
        beyond: ``(H, W)`` float32 in [-1, 1], coverage to add.

    Returns:
        ``(H, W, 3)`` float32; the argument itself where nothing is to be done.
    """
    if np.abs(beyond).max(initial=0) <= _TOLERANCE:
        return picture
    solid = cv2.erode(alpha, np.ones((3, 3), np.uint8))
    own = push_pull(picture, np.maximum(solid, 0.02 * alpha) ** 2)
    # of what is not the object yet, or of what is
    added = np.clip(beyond / np.maximum(1 - alpha, 1e-3), 0, 1)[..., None]
    removed = np.clip(-beyond / np.maximum(alpha, 1e-3), 0, 1)[..., None]
    return picture + added * (own - picture) + removed * (scene - picture)


def light_of(scene: Floats) -> Floats:
    """Return a whole picture's light as `low_pass` does, for `exchanged`: ``(H, W, 3)`` float32."""
    height, width = scene.shape[:2]
    small = cv2.resize(scene, reduced_size(height, width), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
