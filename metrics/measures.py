"""The numbers that a set of images is judged by, in the order of every file and table."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number that a set of images is judged by."""

    key: str
    """Name in logs and files."""
    title: str
    """Name in tables."""
    higher_is_better: bool
    pixelwise: bool
    """Whether it is a function of the joint histogram, and costs nothing beside the others."""


def _measure(key: str, title: str, *, higher: bool = True, pixelwise: bool = True) -> Measure:
    return Measure(key=key, title=title, higher_is_better=higher, pixelwise=pixelwise)


MEASURES = (
    _measure("mae", "MAE", higher=False),
    _measure("max_f", "max F"),
    _measure("mean_f", "mean F"),
    _measure("adaptive_f", "adaptive F"),
    _measure("weighted_f", "weighted F", pixelwise=False),
    _measure("s", "S"),
    _measure("max_e", "max E"),
    _measure("mean_e", "mean E"),
    _measure("adaptive_e", "adaptive E"),
    _measure("hce", "HCE", higher=False, pixelwise=False),
    _measure("boundary_iou", "boundary IoU", pixelwise=False),
    _measure("mba", "mBA", pixelwise=False),
    _measure("iou", "IoU"),
    _measure("dice", "Dice"),
)

OF_THE_SET = {"max_f": "f", "max_e": "e"}
"""Measures that no single image has, since they are maxima of the curve averaged over the images;
with the name of the curve."""

VARIANTS = (
    _measure("max_iou", "max IoU"),
    _measure("max_dice", "max Dice"),
    _measure("max_f_of_mean_precision_and_recall", "max F of mean precision and recall"),
    _measure("mean_of_max_f", "mean of each image's max F"),
    _measure("max_f_of_pooled_pixels", "max F of pooled pixels"),
)
"""Further definitions that the literature uses, so that an old number can be explained.

The three of F go by the name maxF too. On one set of 79 real maps they gave .836, .852 and .868
where max F is .814. Of mean precision and recall: IS-Net's validation while training, MVANet's
paper. Of pooled pixels: torchmetrics' BinaryPrecisionRecallCurve. Max IoU and max Dice are, like
max F, maxima of the mean curve.
"""

CURVES = ("precision", "recall", "f", "e", "iou", "dice")
"""Curves over the 256 thresholds, in the order they are summed in."""

PIXELWISE = frozenset(measure.key for measure in MEASURES if measure.pixelwise)
"""Keys of the measures that cost milliseconds: what validation while training looks at."""
ALL_MEASURES = frozenset(measure.key for measure in MEASURES)
