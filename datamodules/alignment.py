"""How many matched places of two photos lie alike, up to a shift, a rotation and a scale."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

_MAX_MATCHES = 96  # cost grows with the third power: 96 take .5 ms
_MAX_SCALE = 3.0


def aligned_places(
    first: NDArray[np.float32], second: NDArray[np.float32], *, tolerance: float = 6.0
) -> int:
    """Return the largest number of matches that one similarity of the plane explains.

    Every two matches define a similarity (shift, rotation, scale up to 3); the one that brings the
    most points to their partners wins. RANSAC without the chance, possible because matches are few.

    Args:
        first: ``(M, 2)`` float32 x and y in pixels, the most certain match first.
        second: ``(M, 2)`` float32, their partners.
        tolerance: Pixels that a point may lie from its partner.

    Returns:
        0 for fewer than two matches, otherwise at least 2 if any similarity is within bounds.
    """
    return int(_aligned(first[:_MAX_MATCHES], second[:_MAX_MATCHES], tolerance))


@njit(cache=True, nogil=True)
def _aligned(first: NDArray[np.float32], second: NDArray[np.float32], tolerance: float) -> int:
    best = 0
    for i in range(len(first)):
        for j in range(i + 1, len(first)):
            # as complex numbers: second = turn * first + shift
            before = complex(first[j, 0] - first[i, 0], first[j, 1] - first[i, 1])
            after = complex(second[j, 0] - second[i, 0], second[j, 1] - second[i, 1])
            # points that lie together say nothing on direction
            if abs(before) < 5 * tolerance or abs(after) < 5 * tolerance:
                continue
            turn = after / before
            if not 1 / _MAX_SCALE <= abs(turn) <= _MAX_SCALE:
                continue
            count = 0
            for k in range(len(first)):
                x, y = first[k, 0] - first[i, 0], first[k, 1] - first[i, 1]
                at = turn * complex(x, y) + complex(second[i, 0], second[i, 1])
                off = at - complex(second[k, 0], second[k, 1])
                count += off.real**2 + off.imag**2 <= tolerance**2
            best = max(best, count)
    return best
