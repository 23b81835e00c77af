"""A picture of a generated set: images beside their counterfactuals and what differs."""

import cv2
import numpy as np

from callbacks.finished_set import FinishedSet
from callbacks.label_overlay import Pixels, label_overlay, objects_of
from callbacks.picture_tiles import blank, picture_tile, text_tile
from callbacks.set_contents import kept_pairs
from callbacks.set_records import SetRecords
from datamodules.atomic import write_atomically
from datamodules.sample import MaskKind, Sample
from datamodules.seeds import seed_for

SHEET = "counterfactuals.png"
_TILE, _GAP, _HEAD, _NAME = 160, 4, 24, 220  # pixels
_CELL = _TILE + _GAP
_TITLES = ("image", "labels", "without the objects", "difference")


class CounterfactualSheet(FinishedSet):
    """Writes ``counterfactuals.png`` into the set once all of it is published.

    A row is a pair: the image, its labels, its counterfactual, and the absolute difference of both
    in grey. At the left stand its classes and the mean difference outside the objects, in grey
    levels of 255: a counterfactual of the same scene has little of it.

    Args:
        num_pairs: Rows; the hash of the pairs' ids draws them.

    Raises:
        ValueError: If that is below 1.
    """

    def __init__(self, num_pairs: int = 12) -> None:
        if num_pairs < 1:
            raise ValueError(f"num_pairs is {num_pairs}: give 1 or more, or leave the callback out")
        self.num_pairs = num_pairs

    def write(self, found: SetRecords) -> None:
        """Write the picture; none without a pair."""
        picture = self.picture(found)
        if picture is not None:
            data = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
            write_atomically(found.folder / SHEET, data)

    def picture(self, found: SetRecords) -> Pixels | None:
        """Return the picture, ``(H, W, 3)`` uint8 RGB; None without a pair."""
        pairs = kept_pairs(found)
        if not pairs:
            return None
        # drawn: at even distances, classes that take turns in the set would be met again and again
        by_hash = sorted(pairs, key=lambda pair: seed_for(0, "sheet", pair.id))
        chosen = sorted(by_hash[: self.num_pairs], key=lambda pair: pair.number)
        head = [blank(_HEAD, _NAME), *(text_tile(title, _HEAD, _CELL) for title in _TITLES)]
        rows = [np.hstack(head)]
        for pair in chosen:
            reader = found.shards[pair.shard]
            rows.append(_row(reader.sample(reader.ids.index(pair.id))))
        return np.vstack(rows)


def outside_difference(sample: Sample) -> float:
    """Return the mean absolute difference outside the objects, in grey levels of 255.

    Of a pair without a counterfactual, or that is all object, it is NaN.
    """
    outside = ~objects_of(sample)
    if sample.counterfactual is None or not outside.any():
        return float("nan")
    return float(_difference(sample)[:, outside].mean())


def _row(sample: Sample) -> Pixels:
    first = 0 if sample.mask_kind is MaskKind.ALPHA else 1
    names = text_tile(", ".join(sample.class_names[first:]), _CELL // 2, _NAME)
    told, other = "no counterfactual", sample.counterfactual
    pictures = [sample.image.permute(1, 2, 0).numpy(), label_overlay(sample)]
    if other is not None:
        told = f"outside {outside_difference(sample):.2f} of 255"
        difference = _difference(sample).mean(0).round().astype(np.uint8)
        pictures += [other.permute(1, 2, 0).numpy(), difference]
    tiles = [picture_tile(np.ascontiguousarray(each), _TILE, _GAP) for each in pictures]
    tiles += [blank(_CELL, _CELL)] * (len(_TITLES) - len(tiles))
    text = np.vstack([names, text_tile(told, _CELL - _CELL // 2, _NAME)])
    return np.hstack([text, *tiles])


def _difference(sample: Sample) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return ``(3, H, W)`` absolute differences."""
    assert sample.counterfactual is not None
    return (sample.image.float() - sample.counterfactual.float()).abs().numpy()
