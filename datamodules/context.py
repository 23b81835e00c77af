"""PASCAL Context, in the layout that mmsegmentation and the literature use."""

from pathlib import Path

from datamodules.voc import VOCFolder
from datamodules.vocabulary import SHIPPED, read_vocabulary


class PascalContext(VOCFolder):
    """PASCAL Context: 59 classes of things and stuff, with background 60.

    Mottaghi et al., CVPR 2014, https://cs.stanford.edu/~roozbeh/pascal-context; the photos are
    those of PASCAL VOC 2010. 4,998 photos train, 5,105 val. Label maps with indices 0 to 59 are
    made from its files by the Detail API, as mmsegmentation's guide describes::

        ROOT/JPEGImages/NAME.jpg
        ROOT/SegmentationClassContext/NAME.png
        ROOT/ImageSets/SegmentationContext/SPLIT.txt

    Args:
        root: ``VOCdevkit/VOC2010``.
        split: ``train`` or ``val``; papers score ``val``.
        background: True: Context60. False: Context59, whose background is void.
    """

    def __init__(self, root: Path | str, split: str = "val", *, background: bool = True) -> None:
        super().__init__(
            root,
            split,
            background=background,
            labels="SegmentationClassContext",
            lists="ImageSets/SegmentationContext",
            class_names=read_vocabulary(SHIPPED / "context.txt").names,
            name=f"PASCAL Context ({60 if background else 59})",
        )
