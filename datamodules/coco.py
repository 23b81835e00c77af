"""COCO's pixel maps: all 171 classes of COCO-Stuff, or its 80 of objects against background."""

from pathlib import Path

from datamodules.label_set import VOID, LabelFiles, LabelSet, list_photos, numbers_of, pair_files
from datamodules.vocabulary import BACKGROUND, SHIPPED, read_vocabulary

_REMOVED = frozenset({12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91})
"""Ids of COCO's list that it never used; all others of 1 to 182 are classes, in order."""
_LAST_OBJECT = 90
_IDS = tuple(id for id in range(1, 183) if id not in _REMOVED)


class COCOStuff:
    """COCO-Stuff: 171 classes, 80 of things and 91 of stuff; every pixel has one or is void.

    Caesar et al., CVPR 2018, https://github.com/nightrome/cocostuff, annotations CC BY 4.0; the
    photos are Flickr's under its terms. 118,287 photos train2017, 5,000 val2017::

        ROOT/images/SPLIT/NAME.jpg
        ROOT/annotations/SPLIT/NAME.png    id - 1, 255 void: stuffthingmaps_trainval2017.zip

    Args:
        root: Folder that holds both.
        split: ``train2017`` or ``val2017``; papers score ``val2017``.
    """

    def __init__(self, root: Path | str, split: str = "val2017") -> None:
        self.root = Path(root)
        self.split = split

    def find(self) -> LabelSet:
        """Return the photos of the split.

        Raises:
            DatasetError: If a folder or a label map is missing.
        """
        return LabelSet(
            name="COCO-Stuff (171)",
            class_names=(BACKGROUND, *read_vocabulary(SHIPPED / "coco_stuff.txt").names),
            has_background=False,
            files=_files(self.root, self.split),
            numbers=numbers_of({id - 1: label for label, id in enumerate(_IDS, start=1)}),
        )


class COCOObject:
    """COCO-Object: the 80 classes of things from the maps of COCO-Stuff, with background 81.

    All stuff and all unlabelled pixels are background, as GroupViT's conversion has it, which
    everyone scores with (https://github.com/NVlabs/GroupViT, convert_coco_object.py). Things are
    taken from the pixel maps, not from the polygons of instances.

    Args:
        root: See `COCOStuff`: the same files.
        split: ``train2017`` or ``val2017``; papers score ``val2017``.
    """

    def __init__(self, root: Path | str, split: str = "val2017") -> None:
        self.root = Path(root)
        self.split = split

    def find(self) -> LabelSet:
        """Return the photos of the split.

        Raises:
            DatasetError: If a folder or a label map is missing.
        """
        labels = {id - 1: k if id <= _LAST_OBJECT else 0 for k, id in enumerate(_IDS, start=1)}
        return LabelSet(
            name="COCO-Object (81)",
            class_names=(BACKGROUND, *read_vocabulary(SHIPPED / "coco_object.txt").names),
            has_background=True,
            files=_files(self.root, self.split),
            numbers=numbers_of(labels | {VOID: 0}),
        )


def _files(root: Path, split: str) -> tuple[LabelFiles, ...]:
    return pair_files(list_photos(root / "images" / split), root / "annotations" / split)
