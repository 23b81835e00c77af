"""ViewChange: the same object from another viewpoint."""

import numpy as np

from datamodules.sample import Sample
from datamodules.seeds import seed_for
from generation.edits.edit import edited
from generation.edits.extent import mask_to_edit
from generation.edits.view_warp import Body, View, view_warp
from generation.edits.warp import Warp

MAX_AZIMUTH = 60.0
"""Degrees; beyond, a sheet shows its back."""
_LEAST_ELEVATION, _MOST_ELEVATION = -20.0, 45.0  # of the new view, in degrees
_LEAST_RADIUS, _MOST_RADIUS = 0.6, 2.0


class ViewChange:
    """Sees an object, lifted to a relief, from a random other viewpoint; see `view_warp`.

    Example:
        >>> edit = ViewChange(azimuth=(5.0, 20.0))
    """

    def __init__(
        self,
        azimuth: tuple[float, float] = (5.0, 25.0),
        elevation: tuple[float, float] = (-5.0, 10.0),
        radius: tuple[float, float] = (0.9, 1.2),
        body: Body | None = None,
    ) -> None:
        """Choose the viewpoints.

        Args:
            azimuth: Least and most turn about the vertical in degrees, 0 to 60; to either side.
            elevation: Least and most change of elevation in degrees.
            radius: Least and most distance over the photo's, 0.6 to 2.
            body: What is assumed of the object; None for `Body`'s defaults.

        Raises:
            ValueError: If a range is reversed or beyond its limits.
        """
        self.azimuth = _range("azimuth", azimuth, (0.0, MAX_AZIMUTH))
        self.body = Body() if body is None else body
        tilt = self.body.elevation
        limits = (_LEAST_ELEVATION - tilt, _MOST_ELEVATION - tilt)
        self.elevation = _range("elevation", elevation, limits)
        self.radius = _range("radius", radius, (_LEAST_RADIUS, _MOST_RADIUS))

    def __call__(self, sample: Sample, seed: int) -> Sample:
        """Return the object from another viewpoint with its photo moved alike.

        Raises:
            ValueError: If the mask is of labels or empty.
        """
        return self.moved(sample, self.field(sample, seed), seed)

    def moved(self, sample: Sample, warp: Warp, seed: int, *, with_photo: bool = True) -> Sample:
        """Return the edited sample, given what `field` returned for it."""
        edit = f"view({self.azimuth},{self.elevation},{self.radius},{self.body})"
        view = self.view(seed)
        drawn = (
            f"view(azimuth={view.azimuth:.2f}, elevation={view.elevation:.2f}, "
            f"radius={view.radius:.3f})"
        )
        return edited(sample, warp, edit=edit, seed=seed, drawn=drawn, with_photo=with_photo)

    def field(self, sample: Sample, seed: int) -> Warp:
        """Return where each pixel comes from.

        Raises:
            ValueError: If the mask is of labels or empty.
        """
        return view_warp(mask_to_edit(sample), self.view(seed), self.body)

    def view(self, seed: int) -> View:
        """Return the viewpoint that belongs to a seed."""
        rng = np.random.default_rng(seed_for(seed, "view"))
        side = 1.0 if rng.random() < 0.5 else -1.0
        return View(
            azimuth=side * float(rng.uniform(*self.azimuth)),
            elevation=float(rng.uniform(*self.elevation)),
            radius=float(rng.uniform(*self.radius)),
        )


def _range(
    name: str, value: tuple[float, float], limits: tuple[float, float]
) -> tuple[float, float]:
    low, high = value
    if not limits[0] <= low <= high <= limits[1]:
        raise ValueError(
            f"{name} is {value}; choose least and most within {limits[0]:g} to {limits[1]:g}"
        )
    return float(low), float(high)
