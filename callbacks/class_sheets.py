"""A picture of each class of a generated set, and how varied it is."""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from callbacks.finished_set import FinishedSet
from callbacks.label_overlay import Pixels, objects_of
from callbacks.picture_tiles import blank, picture_tile, text_tile
from callbacks.set_contents import KeptPair, kept_pairs
from callbacks.set_records import SetRecords
from datamodules.atomic import write_atomically
from datamodules.json_value import Json
from datamodules.sample import MaskKind, Sample
from metrics.diversity import diversity

FOLDER, TABLE = "classes", "classes.json"
_TILE, _GAP, _HEAD, _COLUMNS = 160, 4, 28, 6  # pixels, and pictures in a row
_CELL = _TILE + _GAP
_THUMBNAIL = 16  # side; finer than that, two photos of one scene differ by their noise
_QUALITY = 88


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How varied the pairs of a class are that its picture shows."""

    num_pairs: int
    """In the whole set."""
    image_distance: float
    """Mean over pairs of images: root mean square difference of thumbnails of `_THUMBNAIL` pixels,
    in [0, 1]. NaN of a single one."""
    shape_distance: float
    """The same of the objects, cut out by their boxes: 0 if all have one outline."""


class ClassSheets(FinishedSet):
    """Writes ``classes/NAME.jpg`` and ``classes/classes.json`` once all of a set is published.

    A picture shows pairs of one class, evenly from all over the set; above them stands how much
    the images and the outlines of the objects vary (`ClassFigures`). A class that comes out the
    same again and again is seen here first.

    Args:
        num_pairs: Pictures of a class.

    Raises:
        ValueError: If that is below 2: one picture shows nothing of how varied a class is.
    """

    def __init__(self, num_pairs: int = 18) -> None:
        if num_pairs < 2:
            raise ValueError(f"num_pairs is {num_pairs}: give 2 or more, or leave the callback out")
        self.num_pairs = num_pairs

    def write(self, found: SetRecords) -> None:
        """Write picture and figures of each class that a pair of the set names."""
        figures: dict[str, Json] = {}
        for name, pairs in _by_class(found).items():
            count = min(len(pairs), self.num_pairs)
            chosen = [pairs[number * len(pairs) // count] for number in range(count)]
            samples = [_sample(found, pair) for pair in chosen]
            own = _figures(samples, name, len(pairs))
            data = cv2.imencode(
                ".jpg",
                _picture(samples, name, own)[..., ::-1],
                (cv2.IMWRITE_JPEG_QUALITY, _QUALITY),
            )[1].tobytes()
            write_atomically(found.folder / FOLDER / f"{file_name(name)}.jpg", data)
            figures[name] = {
                "num_pairs": own.num_pairs,
                "image_distance": _json(own.image_distance),
                "shape_distance": _json(own.shape_distance),
            }
        if figures:
            table = json.dumps(figures, indent=1).encode()
            write_atomically(found.folder / FOLDER / TABLE, table)


def file_name(class_name: str) -> str:
    """Return a name that every file system takes.

    Example:
        >>> file_name("bus (vehicle)"), file_name("CD/DVD")
        ('bus_(vehicle)', 'CD_DVD')
    """
    return re.sub(r"[^\w().-]+", "_", class_name).strip(".") or "_"


def _by_class(found: SetRecords) -> dict[str, list[KeptPair]]:
    classes: dict[str, list[KeptPair]] = defaultdict(list)
    for pair in kept_pairs(found):
        names = pair.record["class_names"]
        assert isinstance(names, list)
        first = 1 if pair.record["mask_kind"] == MaskKind.LABELS.value else 0
        for name in dict.fromkeys(map(str, names[first:])):
            classes[name].append(pair)
    return dict(sorted(classes.items()))


def _sample(found: SetRecords, pair: KeptPair) -> Sample:
    reader = found.shards[pair.shard]
    return reader.sample(reader.ids.index(pair.id))


def _figures(samples: Sequence[Sample], name: str, num_pairs: int) -> ClassFigures:
    images = [_thumbnail(sample.image.permute(1, 2, 0).numpy()) for sample in samples]
    shapes = [_outline(sample, name) for sample in samples]
    return ClassFigures(
        num_pairs=num_pairs,
        image_distance=_distance(images),
        shape_distance=_distance([shape for shape in shapes if shape is not None]),
    )


def _distance(pictures: Sequence[Pixels]) -> float:
    if len(pictures) < 2:
        return float("nan")
    flat = torch.from_numpy(np.stack(pictures)).flatten(1).float() / 255
    return diversity(flat) / flat.shape[1] ** 0.5


def _thumbnail(picture: Pixels) -> Pixels:
    size = (_THUMBNAIL, _THUMBNAIL)
    picture = np.ascontiguousarray(picture)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _outline(sample: Sample, name: str) -> Pixels | None:
    """Return the thumbnail of a class's pixels within their box; None where there are none."""
    is_own = objects_of(sample)
    if sample.mask_kind is MaskKind.LABELS:
        is_own &= sample.mask.numpy() == sample.class_names.index(name)
    if not is_own.any():
        return None
    rows, columns = (np.flatnonzero(is_own.any(axis)) for axis in (1, 0))
    inside = is_own[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _thumbnail(inside.astype(np.uint8) * 255)


def _picture(samples: Sequence[Sample], name: str, figures: ClassFigures) -> Pixels:
    tiles = [
        picture_tile(np.ascontiguousarray(s.image.permute(1, 2, 0).numpy()), _TILE, _GAP)
        for s in samples
    ]
    tiles += [blank(_CELL, _CELL)] * (-len(tiles) % _COLUMNS)
    told = (
        f"{name}: {figures.num_pairs} pairs; images differ by {figures.image_distance:.3f}, "
        f"outlines by {figures.shape_distance:.3f} (0 to 1)"
    )
    rows = [text_tile(told, _HEAD, _COLUMNS * _CELL)]
    rows += [np.hstack(tiles[k : k + _COLUMNS]) for k in range(0, len(tiles), _COLUMNS)]
    return np.vstack(rows)


def _json(value: float) -> Json:
    return None if np.isnan(value) else round(value, 4)
