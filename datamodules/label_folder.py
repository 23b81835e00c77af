"""Own photos with label maps: two folders and a list of names."""

from pathlib import Path

from datamodules.label_set import LabelSet, list_photos, pair_files, plain_numbers
from datamodules.voc import read_classes
from datamodules.vocabulary import BACKGROUND


class LabelFolder:
    """Any photos with label maps.

    ::

        ROOT/SPLIT/im/NAME.jpg        or any other kind of image
        ROOT/SPLIT/labels/NAME.png    index k is line k of the list, 255 void
        ROOT/classes.txt              first line: background

    Args:
        root: Folder that holds the list.
        split: Folder below it; empty where `root` itself holds ``im`` and ``labels``.
        background: Whether pixels of index 0 count as background. False: they are void.
    """

    def __init__(self, root: Path | str, split: str = "", *, background: bool = True) -> None:
        self.root = Path(root)
        self.split = split
        self.background = background

    def find(self) -> LabelSet:
        """Return the photos of the split.

        Raises:
            DatasetError: If a folder or a label map is missing.
            ValueError: If the list of class names cannot be read.
        """
        folder = self.root / self.split
        class_names = (BACKGROUND, *read_classes(self.root / "classes.txt"))
        return LabelSet(
            name=self.root.name,
            class_names=class_names,
            has_background=self.background,
            files=pair_files(list_photos(folder / "im"), folder / "labels"),
            numbers=plain_numbers(len(class_names), has_background=self.background),
        )
