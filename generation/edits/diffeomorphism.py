"""Diffeomorphism: an object of another shape with the same parts and holes."""

import math

import numpy as np
from numpy.typing import NDArray

from datamodules.sample import Sample
from datamodules.seeds import seed_for
from generation.edits.edit import edited
from generation.edits.extent import coverage, extent_of, mask_to_edit
from generation.edits.flow import at_pixels, followed, lattice_start, noise, smooth, taper
from generation.edits.warp import Warp

Floats = NDArray[np.float64]

MAX_SLOPE = 0.2
"""Largest strength / scale that can be asked for."""
MAX_RATE = 1.25
"""Largest velocity gradient, per unit time. A length changes by at most exp(1.25), 3.5-fold, so the
lattice can follow the flow and the Jacobian determinant stays positive at every pixel."""
_PER_NODE = 6  # lattice points to a correlation length: finer ones move the result by < .05 px
_RISE = (
    0.75  # correlation lengths from the border to full speed; shorter rises are the steepest place
)
# of noise with variance 1; what moves less is a point, which cannot be bent, and is left in place
_LEAST_SPEED = 0.05
_LEAST_SCALE = 0.1
_LEAST_STEP = 0.5  # pixels; finer lattices than the picture's own cost time and show nothing


class Diffeomorphism:
    """Bends an object by a smooth random flow.

    A velocity field is drawn as cubic B-splines and followed for unit time. Such a map is
    continuous, has a continuous inverse and a positive Jacobian determinant, so parts and holes
    stay what they are, down to what pixels can show. It is drawn relative to the object, hence the
    same at 256 and at 1024 pixels. Velocities vanish at the border of the picture and an object's
    size away from the object: nothing leaves the picture, and the far background stays.

    Example:
        >>> edit = Diffeomorphism(strength=0.05, scale=0.4)
    """

    def __init__(self, strength: float = 0.05, scale: float = 0.4) -> None:
        """Choose how far and how smoothly the object is bent.

        Args:
            strength: Mean speed over the object, which is close to its mean displacement, relative
                to the object's size (the side of the square with the same second moments). The mean
                velocity of the object is taken out before: it would only shift it. Where the flow
                would be steeper than `MAX_RATE` somewhere, all of it is slowed to that.
            scale: Distance at which two displacements are nearly independent, relative to the
                object's size; 0.1 to 2.

        Raises:
            ValueError: If the scale is out of range, or strength / scale is not in (0, 0.2].
        """
        if not _LEAST_SCALE <= scale <= 2:
            raise ValueError(f"scale is {scale}; choose {_LEAST_SCALE} to 2 object sizes")
        if not 0 < strength <= MAX_SLOPE * scale:
            raise ValueError(
                f"strength is {strength}; at scale {scale} choose more than 0 and at most "
                f"{MAX_SLOPE * scale:g}, beyond which parts may be torn"
            )
        self.strength = strength
        self.scale = scale

    def __call__(self, sample: Sample, seed: int) -> Sample:
        """Return the bent object with its photo bent alike.

        Raises:
            ValueError: If the mask is of labels or empty.
        """
        return self.moved(sample, self.field(sample, seed), seed)

    def moved(self, sample: Sample, warp: Warp, seed: int, *, with_photo: bool = True) -> Sample:
        """Return the edited sample, given what `field` returned for it."""
        edit = f"diffeo({self.strength},{self.scale})"
        return edited(sample, warp, edit=edit, seed=seed, with_photo=with_photo)

    def field(self, sample: Sample, seed: int) -> Warp:
        """Return where each pixel comes from; every pixel was in view.

        Raises:
            ValueError: If the mask is of labels or empty.
        """
        mask = mask_to_edit(sample)
        extent = extent_of(mask)
        step = max(self.scale * extent.size / _PER_NODE, _LEAST_STEP)
        rows = _Axis(extent.y, (extent.top, extent.bottom), extent.size, step, mask.shape[0])
        columns = _Axis(extent.x, (extent.left, extent.right), extent.size, step, mask.shape[1])
        values = noise(seed_for(seed, "flow"))
        lattice = (rows.num, columns.num)
        velocity = smooth(values, (rows.start, columns.start), _PER_NODE, lattice)
        first = (columns.first, rows.first)
        weight = coverage(mask, first, step, lattice)[..., None]
        velocity -= _mean(velocity, weight)
        velocity *= (rows.taper[:, None] * columns.taper)[..., None]
        speed = np.sqrt(velocity[..., :1] ** 2 + velocity[..., 1:] ** 2)
        mean_speed = max(float(_mean(speed, weight)[0]), _LEAST_SPEED)
        wanted = self.strength * extent.size / step / mean_speed
        velocity *= min(wanted, MAX_RATE / max(_steepest(velocity), _LEAST_SPEED))
        grid = at_pixels(followed(velocity), first, step, (mask.shape[0], mask.shape[1]))
        return Warp(grid=grid, visible=np.ones(mask.shape, np.bool_))


class _Axis:
    """The lattice along one axis: nodes count from the object's centre, so that it rests there."""

    def __init__(
        self, centre: float, box: tuple[float, float], size: float, step: float, length: int
    ) -> None:
        # half a pixel beyond the centres of the outermost pixels is the border of the picture
        low = max(box[0] - size, -0.5)
        high = min(box[1] + size, length - 0.5)
        self.start = lattice_start(low, centre, step)
        self.num = math.ceil((high - centre) / step) - self.start + 1
        self.first = centre + self.start * step
        positions: Floats = self.first + step * np.arange(self.num, dtype=np.float64)
        self.taper: Floats = taper(positions, low, high, _PER_NODE * _RISE * step)


def _mean(values: Floats, weight: Floats) -> Floats:
    """Return the weighted mean over a lattice, ``(C,)``, summed in one fixed order."""
    total = np.cumsum((values * weight).reshape(-1, values.shape[2]), axis=0)[-1]
    return np.asarray(total / np.cumsum(weight)[-1])


def _steepest(velocity: Floats) -> float:
    """Return the largest change of the velocity over a lattice step, along either axis."""
    across = np.abs(np.diff(velocity, axis=1)).sum(axis=2).max()
    along = np.abs(np.diff(velocity, axis=0)).sum(axis=2).max()
    return float(max(across, along))
