"""Losses: of one map (`maps`), and laid over all that a network returns (`supervision`)."""

from lightningmodules.losses.birefnet import BiRefNetSupervision, EdgeSupervision
from lightningmodules.losses.maps import BCE, SSIM, Dice, IoU, MapLoss, Structure
from lightningmodules.losses.supervision import DeepSupervision, FeatureSupervision, Loss, Sum

__all__ = [
    "BCE",
    "SSIM",
    "BiRefNetSupervision",
    "DeepSupervision",
    "Dice",
    "EdgeSupervision",
    "FeatureSupervision",
    "IoU",
    "Loss",
    "MapLoss",
    "Structure",
    "Sum",
]
