"""Noise of a pixel as a function of its place and a seed."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, inline="always")
def normal(spot: np.uint64, seed: np.uint64) -> float:
    """Nearly normal noise of deviation 1 from a counter: the sum of four hashed 16-bit numbers.

    The mixing is splitmix64 (Steele, Lea and Flood, OOPSLA 2014): cheaper than a generator, and
    each pixel's noise is its own, whatever is drawn elsewhere.
    """
    z = seed + spot * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    low = np.uint64(0xFFFF)
    total = (z & low) + ((z >> np.uint64(16)) & low)
    total += ((z >> np.uint64(32)) & low) + (z >> np.uint64(48))
    # four uniforms on 0..65535: mean 131070, deviation 65536 / sqrt(3)
    return (float(total) - 131070.0) / 37837.2
