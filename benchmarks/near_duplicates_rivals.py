"""Other ways to recognise a photo: each scores a picture against all held-out photos."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.resize import resize
from datamodules.same_photo import difference_hash, thumbnail
from networks.random_pyramid import RandomPyramid

Picture = NDArray[np.uint8]
Scorer = Callable[[Picture], tuple[float, int]]
"""Returns the best score, larger for more alike, and the place of that photo."""
_BLOCKS = 4


def rivals(photos: Sequence[Picture]) -> dict[str, Scorer]:
    """Return all rivals by name; each knows the photos and their mirror images."""
    return {
        "DCT hash": _scorer(photos, _dct_hash, _agreement),
        "DCT hashes of 4 x 4 blocks": _scorer(photos, _block_hashes, _voting),
        "dHash of the thumbnail": _scorer(photos, _difference, _agreement),
        "random pyramid": _scorer(photos, _pyramid, _cosine),
    }


def _scorer(
    photos: Sequence[Picture],
    describe: Callable[[Picture], NDArray[np.float32]],
    compare: Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]],
) -> Scorer:
    known = np.stack([describe(p) for p in photos] + [describe(p[:, ::-1]) for p in photos])

    def score(picture: Picture) -> tuple[float, int]:
        scores = compare(known, describe(picture))
        best = int(scores.argmax())
        return float(scores[best]), best % len(photos)

    return score


def _grey(picture: Picture, side: int) -> NDArray[np.float32]:
    small = resize(np.ascontiguousarray(picture), (side, side))
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)).astype(np.float32)


def _dct_bits(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 63 signs of the lowest 8 x 8 frequencies against their median, as -1 and 1."""
    low = np.asarray(cv2.dct(grey))[:8, :8].ravel()[1:]
    return np.where(low > np.median(low), 1, -1).astype(np.float32)


def _dct_hash(picture: Picture) -> NDArray[np.float32]:
    return _dct_bits(_grey(picture, 32))


def _block_hashes(picture: Picture) -> NDArray[np.float32]:
    grey = _grey(picture, 32 * _BLOCKS)
    blocks = grey.reshape(_BLOCKS, 32, _BLOCKS, 32).swapaxes(1, 2).reshape(-1, 32, 32)
    return np.stack([_dct_bits(np.ascontiguousarray(block)) for block in blocks])


def _difference(picture: Picture) -> NDArray[np.float32]:
    small = thumbnail(np.ascontiguousarray(picture))
    return (difference_hash(small[None])[0] * 2.0 - 1).astype(np.float32)


def _pyramid(picture: Picture) -> NDArray[np.float32]:
    small = resize(np.ascontiguousarray(picture), (160, 160))
    with torch.no_grad():
        net = RandomPyramid()
        features = net(torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255)[0].numpy()
    centred = features - features.mean()
    return np.asarray(centred / np.linalg.norm(centred))


def _agreement(known: NDArray[np.float32], one: NDArray[np.float32]) -> NDArray[np.float32]:
    return known @ one


def _voting(known: NDArray[np.float32], one: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how many blocks agree in 53 of 63 bits or more; ties by the agreement itself."""
    agreement = np.einsum("nbk,bk->nb", known, one)
    return (agreement >= 43).sum(1) + agreement.mean(1) / 1000


def _cosine(known: NDArray[np.float32], one: NDArray[np.float32]) -> NDArray[np.float32]:
    return known @ one
