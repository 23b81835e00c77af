"""PASCAL VOC 2012, and any set in its layout."""

from collections.abc import Sequence
from pathlib import Path

from datamodules.label_set import LabelSet, list_photos, pair_files, plain_numbers, read_list
from datamodules.vocabulary import BACKGROUND, SHIPPED, read_vocabulary


class VOCFolder:
    """Any set in PASCAL VOC's layout with a list of its class names.

    ::

        ROOT/JPEGImages/NAME.jpg
        ROOT/SegmentationClass/NAME.png         index k is line k of the list, 255 void
        ROOT/ImageSets/Segmentation/SPLIT.txt   one NAME a line
        ROOT/classes.txt                        first line: background

    Args:
        root: Folder that holds the others.
        split: Name of the list of photos.
        background: Whether pixels of index 0 count as background. False: they are void.
        labels: Folder of the label maps.
        lists: Folder of the lists of photos.
        class_names: Of the indices from 1 on. None: those of ``ROOT/classes.txt``.
        name: As reports call the set. Empty: the name of the folder.
    """

    def __init__(
        self,
        root: Path | str,
        split: str,
        *,
        background: bool = True,
        labels: str = "SegmentationClass",
        lists: str = "ImageSets/Segmentation",
        class_names: Sequence[str] | None = None,
        name: str = "",
    ) -> None:
        self.root = Path(root)
        self.split = split
        self.background = background
        self.labels = labels
        self.lists = lists
        self.class_names = None if class_names is None else tuple(class_names)
        self.name = name or self.root.name

    def find(self) -> LabelSet:
        """Return the photos of the split.

        Raises:
            DatasetError: If a folder, a list, a photo or a label map is missing.
            ValueError: If the list of class names cannot be read.
        """
        names = read_list(self.root / self.lists / f"{self.split}.txt")
        photos = list_photos(self.root / "JPEGImages")
        class_names = (BACKGROUND, *self._classes())
        return LabelSet(
            name=self.name,
            class_names=class_names,
            has_background=self.background,
            files=pair_files(photos, self.root / self.labels, names=names),
            numbers=plain_numbers(len(class_names), has_background=self.background),
        )

    def _classes(self) -> tuple[str, ...]:
        if self.class_names is not None:
            return self.class_names
        return read_classes(self.root / "classes.txt")


class PascalVOC(VOCFolder):
    """PASCAL VOC 2012: 20 classes of objects, with background 21.

    Everingham et al., http://host.robots.ox.ac.uk/pascal/VOC/voc2012. The images are Flickr's under
    its terms, not redistributable with this code. 1,464 photos train, 1,449 val.

    Args:
        root: ``VOCdevkit/VOC2012``.
        split: ``train``, ``val`` or ``trainval``; papers score ``val``.
        background: True: VOC21. False: VOC20, whose background is void.
    """

    def __init__(self, root: Path | str, split: str = "val", *, background: bool = True) -> None:
        super().__init__(
            root,
            split,
            background=background,
            class_names=read_vocabulary(SHIPPED / "voc.txt").names,
            name=f"PASCAL VOC 2012 ({21 if background else 20})",
        )


def read_classes(path: Path) -> tuple[str, ...]:
    """Return the names of the indices from 1 on, from a list whose first line is background.

    Raises:
        ValueError: If the list cannot be read, or begins with another name.
    """
    first, *others = read_vocabulary(path).names
    if first != BACKGROUND or not others:
        raise ValueError(
            f"{path}: its first line is {first!r}: line k names index k, so the first must be "
            f"{BACKGROUND}, and classes must follow"
        )
    return tuple(others)
