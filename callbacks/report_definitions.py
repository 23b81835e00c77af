"""What each number of a report means, in a line, for those who read it."""

from typing import NamedTuple


class Definition(NamedTuple):
    """How a measure is defined."""

    text: str
    paper: str


DEFINITIONS = {
    "mae": Definition(
        "Mean absolute error of the stretched map, averaged over images, not over pixels.",
        "Perazzi et al., CVPR 2012",
    ),
    "max_f": Definition(
        "F with \N{GREEK SMALL LETTER BETA}\N{SUPERSCRIPT TWO} = 0.3 at 256 thresholds; the curves "
        "of the images are averaged first, then the maximum is taken.",
        "Achanta et al., CVPR 2009",
    ),
    "mean_f": Definition("Mean of the F curve over the 256 thresholds.", ""),
    "adaptive_f": Definition(
        "F of each map at its own threshold, twice the mean of the map and at most 1.",
        "Achanta et al., CVPR 2009",
    ),
    "weighted_f": Definition(
        "F with \N{GREEK SMALL LETTER BETA} = 1 of errors weighted by where they lie: far from "
        "the object they count double, those that neighbours do not share count less.",
        "Margolin et al., CVPR 2014",
    ),
    "s": Definition(
        "Structure: half the likeness of object and background, half that of four parts of the "
        "image.",
        "Fan et al., ICCV 2017",
    ),
    "max_e": Definition(
        "Enhanced alignment of binary maps at 256 thresholds; the maximum of the mean curve.",
        "Fan et al., IJCAI 2018",
    ),
    "mean_e": Definition("Mean of the E curve over the 256 thresholds.", "Fan et al., IJCAI 2018"),
    "adaptive_e": Definition("E of each map at its own threshold, twice the mean of the map.", ""),
    "hce": Definition(
        "Human correction effort: clicks that put a map right. Errors within 5 pixels of an edge "
        "are forgiven, unless they cut a thin part; outlines are drawn to 2 pixels.",
        "Qin et al., ECCV 2022",
    ),
    "boundary_iou": Definition(
        "IoU of the inner boundary bands of both masks, 0.02 of the image's diagonal wide.",
        "Cheng et al., CVPR 2021",
    ),
    "mba": Definition(
        "Mean boundary accuracy: right pixels in the band around the true boundary, averaged over "
        "five widths.",
        "Cheng et al., CVPR 2020",
    ),
    "iou": Definition("Intersection over union of the binary masks.", ""),
    "dice": Definition("Dice coefficient of the binary masks, F with the weights equal.", ""),
}
"""By the keys of `metrics.measures.MEASURES`."""

USERS_OF_VARIANTS = {
    "max_iou": "The maximum of the mean IoU curve: PySODMetrics' dynamic IoU.",
    "max_dice": "The maximum of the mean Dice curve: PySODMetrics' dynamic Dice.",
    "max_f_of_mean_precision_and_recall": "IS-Net's validation while training and the paper of "
    "MVANet: precision and recall are averaged first, F is taken of the means.",
    "mean_of_max_f": "Each image has its own best threshold: PySODMetrics with sample_based.",
    "max_f_of_pooled_pixels": "All pixels of all images in one pool, so large images count "
    "more: torchmetrics' BinaryPrecisionRecallCurve.",
}
"""Who uses each of `metrics.measures.VARIANTS`."""
