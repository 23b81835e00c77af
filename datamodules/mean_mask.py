"""The mean of the training masks: what a network can know without looking at the photo."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from datamodules.decode_mask import read_mask_and_void
from datamodules.folder import PairFiles
from datamodules.resize import resize

SIZE = (256, 256)
# Decoding thousands of masks of several megapixels takes minutes; a mean is settled long before.
MAX_MASKS = 1000


def mean_mask(files: Sequence[PairFiles], *, void: int | None = None) -> Tensor:
    """Return the mean mask, (256, 256) float in [0, 1], of at most 1000 evenly spaced pairs.

    Args:
        files: At least one pair.
        void: Stored mask value that means "unknown", see `read_mask_and_void`; it is no object.
    """
    places = np.linspace(0, len(files) - 1, min(len(files), MAX_MASKS)).round().astype(int)
    with ThreadPoolExecutor() as pool:
        masks = pool.map(
            lambda place: resize(read_mask_and_void(files[place].mask, void)[0], SIZE), places
        )
        total = np.zeros(SIZE, dtype=np.float64)
        for mask in masks:
            total += mask
    return torch.from_numpy(total / (255 * len(places))).float()
