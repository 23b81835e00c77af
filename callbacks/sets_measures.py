"""How the measures of sets are called, read and judged on the page."""

import math
from dataclasses import dataclass

from callbacks.similarity_plot import FLOOR_BAND
from metrics.feature_scores import ratio
from metrics.set_comparison import SetComparison


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMeasure:
    """One row of the page."""

    key: str
    """In `metrics.feature_scores.compare_features`."""
    title: str
    higher_is_closer: bool
    meaning: str
    decimals: int = 3
    """Where the floor has no spread, which decides otherwise."""
    scale: float = 1.0
    ratio_key: str = ""
    """The comparison whose ratio to the floor stands beside the value. Empty: none."""


MEASURES = (
    SetMeasure(
        key="kid",
        title="KID, times 1000",
        higher_is_closer=False,
        decimals=2,
        scale=1000,
        ratio_key="kid_biased",
        meaning="Unbiased squared MMD with a cubic kernel (Binkowski et al. 2018). For real "
        "against real it is 0 but for chance, so the ratio is of the biased one.",
    ),
    SetMeasure(
        key="cmmd",
        title="CMMD",
        higher_is_closer=False,
        ratio_key="cmmd",
        meaning="Squared MMD with a wide Gaussian on features of length 1, times 1000 (Jayasumana "
        "et al. 2024).",
    ),
    SetMeasure(
        key="fid",
        title="FID",
        higher_is_closer=False,
        decimals=2,
        ratio_key="fid",
        meaning="Distance of two Gaussians (Heusel et al. 2017). It falls as sets grow: compare it "
        "with its floor, or with sets of one size.",
    ),
    SetMeasure(
        key="precision",
        title="precision",
        higher_is_closer=True,
        meaning="Share of the set inside the ball of a real image, which reaches its fifth nearest "
        "neighbour (Kynkaanniemi et al. 2019): are the images like real ones?",
    ),
    SetMeasure(
        key="recall",
        title="recall",
        higher_is_closer=True,
        meaning="Share of the real images inside such a ball of the set: is all there?",
    ),
    SetMeasure(
        key="density",
        title="density",
        higher_is_closer=True,
        meaning="As precision, by how many balls an image lies in (Naeem et al. 2020): one "
        "outlier cannot lift it. May exceed 1.",
    ),
    SetMeasure(
        key="coverage",
        title="coverage",
        higher_is_closer=True,
        meaning="Share of the real balls that hold an image of the set.",
    ),
    SetMeasure(
        key="nearest_cosine",
        title="similarity, nearest",
        higher_is_closer=True,
        meaning="Mean over the set of the cosine to the nearest real image; with CLIP's features a "
        "CLIP similarity. Published ones have no public definition and do not compare. It rewards "
        "copies and grows with the number of images.",
    ),
    SetMeasure(
        key="pairwise_cosine",
        title="similarity, all pairs",
        higher_is_closer=True,
        meaning="Mean cosine over all pairs. A set of one average image scores best.",
    ),
    SetMeasure(
        key="mixing",
        title="mixing of the features",
        higher_is_closer=True,
        meaning="Share of the five nearest neighbours that come from the other set, by what chance "
        "gives (after Schilling 1986): 0 apart, 1 mixed.",
    ),
    SetMeasure(
        key="umap_mixing",
        title="UMAP similarity",
        higher_is_closer=True,
        meaning="The same in the plane of the pictures below, laid out for both sets together with "
        "a fixed seed. Published ones have no public definition and do not compare. The layout can "
        "tear or join groups: trust the mixing of the features before it.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One number of the page, at one number of images with its floor."""

    value: str
    floor: str
    verdict: str
    """"apart" or "closer" where it is outside the floor's band, else empty."""
    ratio: str
    """Times the floor; empty where there is none."""


def cell(measure: SetMeasure, found: SetComparison, of_ratio: SetComparison | None) -> Cell:
    """Return what the page shows of a comparison.

    Args:
        measure: How it is shown.
        found: The numbers.
        of_ratio: That of `SetMeasure.ratio_key`.
    """
    # as many digits as the floor's spread has: distances of some extractors are all alike
    floor, spread = float(found.floor_mean), float(found.floor_std) * measure.scale
    decimals = min(6, max(0, 1 - math.floor(math.log10(spread)))) if spread else measure.decimals

    def shown(value: float) -> str:
        return f"{value * measure.scale:.{decimals}f}"

    return Cell(
        value=shown(float(found.matched_mean)),
        floor=f"{shown(floor)} \N{PLUS-MINUS SIGN} {shown(float(found.floor_std))}",
        verdict=verdict(found, higher_is_closer=measure.higher_is_closer),
        ratio="" if of_ratio is None else f"{ratio(of_ratio):.2f}",
    )


def verdict(found: SetComparison, *, higher_is_closer: bool) -> str:
    """Return "apart" or "closer" where a set is outside the band of its floor, else nothing.

    "closer" is nearer to the real images than these are to one another, as copies are.
    """
    excess = float(found.matched_mean - found.floor_mean)
    if abs(excess) <= FLOOR_BAND * float(found.floor_std) or not excess:
        return ""
    return "closer" if (excess > 0) == higher_is_closer else "apart"
