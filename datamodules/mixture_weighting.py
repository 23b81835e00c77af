"""Drawing some training pairs more often than others: by their class, by how hard their mask is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import pi

import cv2
import numpy as np
from numpy.typing import NDArray

from datamodules.pairs import Pairs
from datamodules.parallel import map_in_threads
from datamodules.seeds import seed_for


@dataclass(frozen=True, kw_only=True)
class Weighting:
    """How often a training pair is drawn, relative to the others.

    Args:
        classes: Weight by class name, 0 or more; a class that is not named has 1.
        complexity_power: Exponent on the mask's `outline_complexity`: 0 draws all alike, .5 draws
            a mask whose outline is twice as long for its area twice as often.

    Raises:
        ValueError: If a value is negative.
    """

    classes: Mapping[str, float] = field(default_factory=dict)
    complexity_power: float = 0.0

    def __post_init__(self) -> None:
        if min([self.complexity_power, *self.classes.values()]) < 0:
            raise ValueError(
                f"weighting: complexity_power {self.complexity_power} and the weights of classes "
                f"{dict(self.classes)} must be 0 or more"
            )

    def weights(self, pairs: Pairs) -> NDArray[np.float64]:
        """Return (N,) weights, one per pair; with a `complexity_power` each mask is read once.

        Raises:
            ValueError: If a class is unknown, or no pair is left with a weight above 0.
            DecodeError: If a file cannot be decoded.
        """
        known = {name for files in pairs.files for name in files.class_names}
        unknown = sorted(set(self.classes) - known)
        if unknown:
            raise ValueError(
                f"weighting: no training pair has the class {', '.join(unknown)}; there are "
                f"{', '.join(sorted(known))}"
            )
        weights = np.array([self.classes.get(files.class_names[0], 1.0) for files in pairs.files])
        if self.complexity_power:
            weights *= _complexities(pairs) ** self.complexity_power
        if not weights.any():
            raise ValueError("weighting: every training pair has weight 0; raise one class")
        return weights


def outline_complexity(mask: NDArray[np.uint8]) -> float:
    """Return L^2 / (4 pi A): 1 for a disc, some hundreds for a bicycle; 1 for an empty mask.

    The inverse isoperimetric quotient that DIS5K (Qin et al., ECCV 2022) sorts its test sets by. L
    is the length of all outlines, inner ones included, through the centres of their pixels;
    A the number of pixels more than half covered.

    Args:
        mask: ``(H, W)`` uint8 coverage.
    """
    binary = (mask > 127).astype(np.uint8)
    area = int(binary.sum())
    contours, _ = cv2.findContours(binary, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    length = sum(cv2.arcLength(contour, closed=True) for contour in contours)
    # a pixel alone has area 1 and, through its centre, no length
    return max(1.0, length**2 / (4 * pi * area)) if area else 1.0


def weighted_order(weights: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """Return (N,) indices, each as often as its share of the weights says, in random order.

    Systematic sampling (Madow, 1949): where a pair is expected x times among N draws, it is there
    floor(x) or ceil(x) times, so that equal weights give every pair once.

    Args:
        weights: (N,) 0 or more, not all 0.
        seed: Of the offset and of the order.
    """
    generator = np.random.default_rng(seed)
    size = len(weights)
    expected = np.cumsum(weights) * (size / weights.sum())
    # rounding must not make 2.9999999 of 3: the offset would then lose a pair now and then
    last = np.floor(np.round(expected, 9) + generator.random()).astype(np.int64)
    last = np.minimum(last, size)
    last[-1] = size
    counts = np.diff(last, prepend=0)
    return generator.permutation(np.repeat(np.arange(size), counts))


class WeightedOrder:
    """The endless walk over weighted pairs, cycle by cycle of N slots.

    Args:
        weights: (N,) 0 or more, not all 0.
        seed: Root seed of the run.
    """

    def __init__(self, weights: NDArray[np.float64], seed: int) -> None:
        self.weights = weights
        self.seed = seed
        self._cycle = -1
        self._order: Sequence[int] = ()

    def index_at(self, slot: int) -> int:
        """Return the index of the pair at a slot, a function of (seed, slot) alone."""
        cycle, place = divmod(slot, len(self.weights))
        if cycle != self._cycle:
            drawn = weighted_order(self.weights, seed_for(self.seed, "weighted order", cycle))
            self._cycle, self._order = cycle, drawn.tolist()
        return self._order[place]


def _complexities(pairs: Pairs) -> NDArray[np.float64]:
    def complexity(index: int) -> float:
        return outline_complexity(pairs.training_sample(index)[0].mask.numpy())

    indices = range(len(pairs))
    return np.array(map_in_threads(complexity, indices, title="Complexity", progress=False))
