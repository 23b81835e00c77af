"""Small pictures of the pairs of a set, some dozens in a file, for a page that loads few at a time.

A sheet has a row for each pair: photo, then mask, each in a square of `TILE` pixels at its upper
left corner; labels of several classes have their colours. In a set with counterfactuals two more
follow: the counterfactual, and how far photo and counterfactual differ.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from callbacks.label_overlay import coloured
from callbacks.set_records import SetRecords
from datamodules.atomic import write_atomically
from datamodules.sample import MaskKind, Sample
from datamodules.shard_pairs import image_and_coverage

TILE = 208
"""Pixels; a quarter more than a page of usual width shows."""
_QUALITY = 80  # a pair takes about 12 kB
_ROWS = 32  # pairs of a sheet: a screen needs one or two of them
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Consecutive pairs of a shard."""

    shard: str
    start: int
    """Place of the first pair in the shard."""
    stop: int
    name: str
    """Of its file, which tells the content: what stands need not be drawn again."""
    num_columns: int
    """2, or 4 where the set has counterfactuals."""


def sheets_of(found: SetRecords) -> list[Sheet]:
    """Return the sheets of all published pairs, in their order."""
    sheets = []
    num_columns = 4 if _has_counterfactuals(found) else 2
    drawn = f"{TILE}-{_QUALITY}" + (f"-{num_columns}" if num_columns > 2 else "")
    drawn += "-labels" if has_labels(found) else ""
    for shard, reader in found.shards.items():
        checksum = str(reader.done["sha256"])[:12]
        for start in range(0, len(reader), _ROWS):
            stop = min(start + _ROWS, len(reader))
            name = f"{shard}-{checksum}-{drawn}-{start}.jpg"
            sheets.append(Sheet(shard, start, stop, name, num_columns))
    return sheets


def write_sheet(found: SetRecords, place: Path, sheet: Sheet) -> int:
    """Write a sheet into `place`, if it does not stand there, and return its bytes.

    Raises:
        DecodeError: If a pair is broken.
        OSError: If it cannot be written.
    """
    with suppress(FileNotFoundError):
        return (place / sheet.name).stat().st_size
    reader = found.shards[sheet.shard]
    numbers = range(sheet.start, sheet.stop)
    rows = [_row(reader.sample(number), sheet.num_columns) for number in numbers]
    done, data = cv2.imencode(".jpg", np.vstack(rows), (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
    assert done  # in memory, of a size and dtype that the format has
    write_atomically(place / sheet.name, data.tobytes())
    return data.size


def tile_size(height: int, width: int) -> tuple[int, int]:
    """Return (height, width) of a pair in its tile; small pairs are enlarged."""
    scale = TILE / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def has_labels(found: SetRecords) -> bool:
    """Return whether a pair of the set has a label map instead of the mask of one object."""
    pairs = (pair for shard in found.shards.values() for pair in shard.pairs)
    return any(pair["mask_kind"] == MaskKind.LABELS.value for pair in pairs)


def _has_counterfactuals(found: SetRecords) -> bool:
    files = (pair["files"] for shard in found.shards.values() for pair in shard.pairs)
    return any(isinstance(names, dict) and "counterfactual" in _stems(names) for names in files)


def _stems(names: Iterable[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def _row(sample: Sample, num_columns: int) -> Pixels:
    pixels, alpha = image_and_coverage(sample)
    image = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    mask = cv2.cvtColor(alpha, cv2.COLOR_GRAY2BGR)
    if sample.mask_kind is MaskKind.LABELS:
        mask = cv2.cvtColor(coloured(sample.mask.numpy()), cv2.COLOR_RGB2BGR)
    pictures = [image, mask]
    if sample.counterfactual is not None:
        other = np.ascontiguousarray(sample.counterfactual.numpy().transpose(1, 2, 0))
        other = cv2.cvtColor(other, cv2.COLOR_RGB2BGR)
        pictures += [other, cv2.absdiff(image, other)]
    row = np.zeros((TILE, num_columns * TILE, 3), np.uint8)
    height, width = tile_size(image.shape[0], image.shape[1])
    method = cv2.INTER_AREA if max(image.shape) > TILE else cv2.INTER_NEAREST
    for column, picture in enumerate(pictures):
        left = column * TILE
        row[:height, left : left + width] = cv2.resize(
            picture, (width, height), interpolation=method
        )
    return row
