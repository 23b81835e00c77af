"""Tiny data sets with label maps, in the layouts of the public ones."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Labels = NDArray[np.uint8]


def labels_of(*values: int, size: tuple[int, int] = (6, 8)) -> Labels:
    """Return a map of stripes, one a value."""
    columns = np.arange(size[1]) * len(values) // size[1]
    return np.broadcast_to(np.array(values, np.uint8)[columns], size).copy()


def write_photo(path: Path, labels: Labels) -> None:
    """Write a photo whose colours tell the labels apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.stack([labels * np.uint8(37), labels * np.uint8(91), 255 - labels], axis=2)
    Image.fromarray(pixels).save(path)


def write_labels(path: Path, labels: Labels) -> None:
    """Write a PNG with a palette that has nothing to do with the indices."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(labels, mode="P")
    picture.putpalette([255 - k // 3 for k in range(768)])
    picture.save(path)


def write_voc(
    root: Path,
    maps: Mapping[str, Labels],
    *,
    split: str = "val",
    labels: str = "SegmentationClass",
    lists: str = "ImageSets/Segmentation",
    suffix: str = ".jpg",
) -> Path:
    """Write a set in PASCAL VOC's layout."""
    for name, values in maps.items():
        write_photo(root / "JPEGImages" / f"{name}{suffix}", values)
        write_labels(root / labels / f"{name}.png", values)
    (root / lists).mkdir(parents=True, exist_ok=True)
    (root / lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in maps))
    return root


def write_coco(root: Path, maps: Mapping[str, Labels], split: str = "val2017") -> Path:
    """Write a set in the layout of COCO-Stuff."""
    for name, values in maps.items():
        write_photo(root / "images" / split / f"{name}.jpg", values)
        path = root / "annotations" / split / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(path)  # the official ones are grey
    return root
