"""How good a generated set of images and masks is, measured against a real one.

Everything at once, for the whole set and for each of its groups (kinds of edit): how near the
features of its images and, apart from them, of its masks are to the real ones, how varied they are
inside a class, and what has drifted. Each number has its floor, the real set against itself at the
same number of images, see `metrics.set_comparison`. Images and masks stay apart because they fail
apart: an edit can leave a mask that no object has, a painter an image that no camera takes.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from metrics.diversity import Diversity, class_diversity
from metrics.drift import kolmogorov_smirnov, total_variation
from metrics.feature_scores import (
    MIN_GENERATED,
    MIN_REAL,
    Plane,
    Recipe,
    compare_features,
    plane_mixing,
    plane_of,
)
from metrics.mask_traits import TRAITS
from metrics.set_comparison import SetComparison, compare_by

CLASS = "class"
"""Name of the drift of classes; the others are called as in `metrics.mask_traits.TRAITS`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DescribedSet:
    """One set: all that is measured of its images and masks. N pairs, in one order."""

    features: Mapping[str, Tensor]
    """By content ("images", "masks"), ``(N, D)`` float each."""
    traits: Tensor
    """``(N, T)`` float64, `metrics.mask_traits.TRAITS`; NaN where undefined."""
    class_names: Sequence[str]
    groups: Sequence[str]
    """How each pair was made."""

    def __len__(self) -> int:
        return len(self.class_names)

    def part(self, group: str) -> "DescribedSet":
        """Return the pairs of one group."""
        places = [place for place, name in enumerate(self.groups) if name == group]
        return DescribedSet(
            features={content: rows[places] for content, rows in self.features.items()},
            traits=self.traits[places],
            class_names=[self.class_names[place] for place in places],
            groups=[group] * len(places),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """The numbers of a set or of one group of it."""

    num_images: int
    features: Mapping[str, Mapping[str, SetComparison]]
    """By content, then by measure, see `compare_features`."""
    drift: Mapping[str, SetComparison]
    """`CLASS` and `TRAITS`; a trait that is undefined for too many masks is left out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SetQuality:
    """All that `score_set` finds."""

    whole: Scores
    groups: Mapping[str, Scores]
    """By name; none for a set of one group."""
    too_small: Mapping[str, int]
    """Groups of fewer than `MIN_GENERATED` images, which were not scored alone."""
    planes: Mapping[str, Plane]
    """By content; none where `Recipe.umap_images` is 0."""
    diversity: Mapping[str, Mapping[str, Diversity]]
    """By content, then by class."""


def score_set(real: DescribedSet, generated: DescribedSet, recipe: Recipe) -> SetQuality:
    """Measure a generated set against a real one.

    Args:
        real: At least `MIN_REAL` pairs; their groups do not matter.
        generated: At least `MIN_GENERATED` pairs.
        recipe: How much is drawn.

    Raises:
        ValueError: If a set is too small.
    """
    require_enough(len(real), len(generated))
    sizes = Counter(generated.groups)
    several = sizes if len(sizes) > 1 else Counter[str]()
    planes = {}
    if recipe.umap_images:
        planes = {
            content: plane_of(rows, generated.features[content], recipe)
            for content, rows in real.features.items()
        }
    return SetQuality(
        whole=_scores(real, generated, planes, recipe),
        groups={
            name: _scores(real, generated.part(name), _parts(planes, generated, name), recipe)
            for name in sorted(several)
            if several[name] >= MIN_GENERATED
        },
        too_small={name: num for name, num in several.items() if num < MIN_GENERATED},
        planes=planes,
        diversity={
            content: class_diversity(
                rows,
                generated.features[content],
                real_classes=real.class_names,
                generated_classes=generated.class_names,
            )
            for content, rows in real.features.items()
        },
    )


def require_enough(num_real: int, num_generated: int) -> None:
    """Require enough images to measure anything.

    Raises:
        ValueError: If there are too few.
    """
    if num_real < MIN_REAL or num_generated < MIN_GENERATED:
        raise ValueError(
            f"{num_real} real and {num_generated} generated pairs are too few to score a set: at "
            f"least {MIN_REAL} and {MIN_GENERATED} are needed, and some hundred to mean anything"
        )


def finite(values: Tensor) -> Tensor:
    """Return the values that are defined, of ``(N,)`` float."""
    return values[values.isfinite()]


def _scores(
    real: DescribedSet, generated: DescribedSet, planes: Mapping[str, Plane], recipe: Recipe
) -> Scores:
    features = {
        content: compare_features(rows, generated.features[content], recipe)
        for content, rows in real.features.items()
    }
    for content, plane in planes.items():
        features[content] |= plane_mixing(plane, recipe)
    return Scores(
        num_images=len(generated), features=features, drift=_drift(real, generated, recipe)
    )


def _parts(planes: Mapping[str, Plane], generated: DescribedSet, group: str) -> dict[str, Plane]:
    return {
        content: plane.part(
            torch.tensor([generated.groups[place] == group for place in plane.places.tolist()])
        )
        for content, plane in planes.items()
    }


def _drift(real: DescribedSet, generated: DescribedSet, recipe: Recipe) -> dict[str, SetComparison]:
    names = sorted({*real.class_names, *generated.class_names})
    numbers = {name: place for place, name in enumerate(names)}
    classes, other_classes = (
        torch.tensor([numbers[name] for name in of_set.class_names]) for of_set in (real, generated)
    )
    drift = {CLASS: _distance(classes, other_classes, total_variation, recipe)}
    for place, trait in enumerate(TRAITS):
        x, y = (finite(of_set.traits[:, place]) for of_set in (real, generated))
        if len(x) >= MIN_REAL and len(y) >= MIN_GENERATED:
            drift[trait] = _distance(x, y, kolmogorov_smirnov, recipe)
    return drift


def _distance(
    real: Tensor, generated: Tensor, distance: Callable[[Tensor, Tensor], float], recipe: Recipe
) -> SetComparison:
    found = compare_by(
        real,
        generated,
        lambda a, b: {"distance": distance(a, b)},
        num_draws=recipe.num_draws,
        generator=recipe.generator(),
    )
    return found["distance"]
