"""How near the features of a generated set are to the real ones: every measure, with its floor."""

from dataclasses import dataclass

import torch
from torch import Tensor

from metrics.cmmd import SCALE, gaussian_kernel, unit
from metrics.cosine_similarity import cosine_similarity
from metrics.fid import fid
from metrics.kid import cubic_kernel
from metrics.mixing import mixing
from metrics.prdc import NUM_NEIGHBOURS, prdc
from metrics.set_comparison import SetComparison, compare_by, compare_sets, random_subset
from metrics.umap_plane import umap_plane

MIN_REAL = 2 * (NUM_NEIGHBOURS + 1)
"""A half of the real images must have that many neighbours."""
MIN_GENERATED = NUM_NEIGHBOURS + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How much is drawn.

    Args:
        num_kernel_draws: Of subsets for KID and CMMD, which get them almost for nothing.
        num_draws: Of subsets for all else.
        umap_images: At most so many of each set are laid out in the plane; 0: none.
        seed: Of all draws and of the layout.

    Raises:
        ValueError: If there are fewer than 2 draws, or images to lay out but too few of them.
    """

    num_kernel_draws: int = 50
    num_draws: int = 10
    umap_images: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.num_kernel_draws, self.num_draws) < 2:
            raise ValueError(
                f"num_kernel_draws {self.num_kernel_draws} and num_draws {self.num_draws} have no "
                "spread: give at least 2"
            )
        if self.umap_images and self.umap_images < MIN_REAL:
            raise ValueError(f"umap_images {self.umap_images}: give 0, or at least {MIN_REAL}")

    def generator(self) -> torch.Generator:
        """Return a generator of the draws: each measure sees the same subsets."""
        return torch.Generator().manual_seed(self.seed)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plane:
    """Places of features in a plane, ``(n, 2)`` float64 each, see `metrics.umap_plane`."""

    real: Tensor
    generated: Tensor
    places: Tensor
    """``(n,)`` int64, which of the generated images these are."""

    def part(self, kept: Tensor) -> "Plane":
        """Return the plane with some of its generated images, ``(n,)`` bool."""
        return Plane(real=self.real, generated=self.generated[kept], places=self.places[kept])


def compare_features(real: Tensor, generated: Tensor, recipe: Recipe) -> dict[str, SetComparison]:
    """Return every measure of two sets of features, beside its floor.

    ``kid`` is unbiased, for the excess over the floor in its spreads; ``kid_biased`` is never 0, so
    that it has a ratio to its floor, as ``cmmd`` has.

    Args:
        real: ``(N, D)`` float, N at least `MIN_REAL`.
        generated: ``(M, D)`` float, M at least `MIN_GENERATED`.
        recipe: How much is drawn.
    """
    kernels = {
        "kid": (cubic_kernel, real, generated, True, 1.0),
        "kid_biased": (cubic_kernel, real, generated, False, 1.0),
        "cmmd": (gaussian_kernel, unit(real), unit(generated), False, SCALE),
    }
    found = {
        name: compare_sets(
            x,
            y,
            kernel,
            unbiased=unbiased,
            scale=scale,
            num_draws=recipe.num_kernel_draws,
            generator=recipe.generator(),
        )
        for name, (kernel, x, y, unbiased, scale) in kernels.items()
    }
    return found | compare_by(
        real, generated, _statistics, num_draws=recipe.num_draws, generator=recipe.generator()
    )


def ratio(found: SetComparison) -> float:
    """Return a distance by its floor, at one number of images; NaN where the floor is 0.

    1: as near to the real images as these are to one another. Not for the unbiased KID, whose floor
    is 0 but for chance.
    """
    floor = float(found.floor_mean)
    return float(found.matched_mean) / floor if floor else float("nan")


def plane_of(real: Tensor, generated: Tensor, recipe: Recipe) -> Plane:
    """Lay out both sets in one plane, at most `Recipe.umap_images` of each.

    Args:
        real: ``(N, D)`` float.
        generated: ``(M, D)`` float.
        recipe: How much is drawn.
    """
    generator = recipe.generator()
    of_real, places = (
        random_subset(num, recipe.umap_images, generator).sort().values
        for num in (len(real), len(generated))
    )
    both = torch.cat([real[of_real], generated[places]])
    plane = umap_plane(both, seed=recipe.seed)
    return Plane(real=plane[: len(of_real)], generated=plane[len(of_real) :], places=places)


def plane_mixing(plane: Plane, recipe: Recipe) -> dict[str, SetComparison]:
    """Return ``umap_mixing``, see `metrics.mixing`; nothing for fewer than `MIN_GENERATED` places.

    Args:
        plane: Real and generated images, laid out together.
        recipe: How much is drawn.
    """
    if len(plane.generated) < MIN_GENERATED:
        return {}
    return compare_by(
        plane.real,
        plane.generated,
        lambda real, generated: {"umap_mixing": mixing(real, generated)},
        num_draws=recipe.num_draws,
        generator=recipe.generator(),
    )


def _statistics(real: Tensor, generated: Tensor) -> dict[str, float]:
    cosine = cosine_similarity(real, generated)
    return {
        "fid": fid(real, generated),
        **prdc(real, generated)._asdict(),
        "nearest_cosine": cosine.nearest,
        "pairwise_cosine": cosine.pairwise,
        "mixing": mixing(real, generated),
    }
