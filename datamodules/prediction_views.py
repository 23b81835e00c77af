"""Predictions with their truths, decoded in threads and put into batches.

Threads, not the processes of a DataLoader: decoding lets go of Python's lock, a pair of 8 MP need
not be copied between processes, and no container's shared memory (64 MB as a rule) can run out.
Letters: H, W size of a file as decoded, h, w size of the truth.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.batch import Batch, collate
from datamodules.decode import (
    decode_opencv,
    image_size,
    jpeg_components,
    png_type,
    read_bytes,
    read_image,
)
from datamodules.decode_mask import read_mask, read_mask_and_void
from datamodules.planes import channels_first
from datamodules.prediction_files import ScoredFiles
from datamodules.resize import resize
from datamodules.sample import MaskKind, Provenance, Sample, View

PHOTO_SIDE = 256
"""Side in pixels that photos are squashed to: they are only looked at, as thumbnails."""
_GREY_8_BIT = (8, 0)  # bit depth and colour type in a PNG
# JPEG decodes to an eighth, a quarter or half of its size in a fraction of the time
_REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PredictionView(View):
    """The truth of one image, the photo to look at, and what was predicted."""

    prediction: Tensor
    """``(H, W)`` uint8, of any size."""


@dataclass(slots=True, kw_only=True, eq=False)
class PredictionBatch(Batch):
    """A batch that brings its predictions along.

    `image` is ``(B, 3, 256, 256)``, or ``(B, 3, 0, 0)`` where no photos are known.
    """

    prediction: list[Tensor]
    """``(H, W)`` uint8 each, of any size."""


class PredictionViews:
    """Files to score, decoded one by one; no state that changes between calls.

    Args:
        files: The files.
        void: Stored mask value that means "unknown": such pixels get weight 0.
        with_photos: Whether views have a photo, black where one has none. False: of size 0.
    """

    def __init__(
        self, files: Sequence[ScoredFiles], *, void: int | None = None, with_photos: bool = False
    ) -> None:
        self.files = files
        self.void = void
        self.with_photos = with_photos

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> PredictionView:
        """Decode the files of one image.

        Raises:
            DecodeError: If one cannot be decoded.
        """
        files = self.files[index]
        mask, is_void = read_mask_and_void(files.mask, self.void)
        weight = None if is_void is None else torch.from_numpy(~is_void).to(torch.uint8) * 255
        side = PHOTO_SIDE if self.with_photos else 0
        photo = torch.zeros((3, side, side), dtype=torch.uint8)
        if files.image is not None and self.with_photos:
            photo = channels_first(photo_thumbnail(files.image))
        sample = Sample(
            id=files.id,
            image=photo,
            mask=torch.zeros((side, side), dtype=torch.uint8),
            mask_kind=MaskKind.ALPHA,
            class_names=files.class_names,
            provenance=Provenance(source="folder"),
        )
        return PredictionView(
            sample=sample,
            size=(mask.shape[0], mask.shape[1]),
            truth=torch.from_numpy(mask),
            truth_weight=weight,
            prediction=torch.from_numpy(read_map(files.prediction)),
        )


class ReadAhead:
    """Batches in order, each decoded in threads while the one before it is scored.

    Args:
        views: To decode.
        batch_size: Views of a batch. Up to three batches are in memory at a time: the one that is
            scored until the next one comes, and the two that follow it.
        num_threads: Files decoded at once.
    """

    def __init__(self, views: PredictionViews, *, batch_size: int, num_threads: int) -> None:
        self.views = views
        self.batch_size = batch_size
        self.num_threads = num_threads

    def __len__(self) -> int:
        return -(-len(self.views) // self.batch_size)

    def __iter__(self) -> Iterator[PredictionBatch]:
        pending: deque[list[Future[PredictionView]]] = deque()
        with ThreadPoolExecutor(self.num_threads) as pool:
            for start in range(0, len(self.views), self.batch_size):
                indices = range(start, min(start + self.batch_size, len(self.views)))
                pending.append([pool.submit(self.views.__getitem__, i) for i in indices])
                if len(pending) > 1:
                    yield collate_predictions([view.result() for view in pending.popleft()])
            for views in pending:
                yield collate_predictions([view.result() for view in views])


def collate_predictions(views: list[PredictionView]) -> PredictionBatch:
    """Stack views of one size of photo; predictions stay as they are."""
    batch = collate(list(views))
    shared = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return PredictionBatch(**shared, prediction=[view.prediction for view in views])


def read_map(path: Path) -> NDArray[np.uint8]:
    """Return a predicted map as ``(H, W)`` uint8 in 0..255, upright.

    An 8-bit grey PNG counts as it is stored, like everywhere in the field; any other file is read
    by the rules of `read_mask`. The two differ where no pixel is above 1: a soft map may be that
    dark, a mask is then one of 0 and 1.

    Raises:
        DecodeError: If the file is missing, truncated, broken or no image.
    """
    data = read_bytes(path)
    if png_type(data) == _GREY_8_BIT:
        plane = decode_opencv(data, cv2.IMREAD_GRAYSCALE)
        if plane is not None:
            return plane.view(np.uint8)
    return read_mask(path)


def photo_thumbnail(path: Path) -> NDArray[np.uint8]:
    """Return a photo squashed to ``(256, 256, 3)`` uint8 RGB.

    Raises:
        DecodeError: If the file is missing, truncated, broken or no image.
    """
    data = read_bytes(path)
    reduced = None
    if jpeg_components(data) in (1, 3):
        shorter = min(image_size(path))
        factor = next((factor for factor in _REDUCED if shorter >= factor * PHOTO_SIDE), None)
        reduced = decode_opencv(data, _REDUCED[factor]) if factor else None
    pixels = read_image(path) if reduced is None else np.ascontiguousarray(reduced[..., ::-1])
    return resize(pixels.view(np.uint8), (PHOTO_SIDE, PHOTO_SIDE))
