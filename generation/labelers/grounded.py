"""Labels by a detector that is told names and a segmenter that is told boxes."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from generation.labelers.detector import Detector
from generation.labelers.labeler import Labels, require_few_classes
from generation.labelers.overlaps import resolve
from generation.labelers.sam import BoxSegmenter
from generation.licence import joint_licence


class GroundedSegmenter(nn.Module):
    """Grounded SAM (Ren et al., 2024) and its like, with overlaps resolved and doubt as weight.

    Args:
        detector: Finds boxes, such as `generation.labelers.grounding_dino.GroundingDino`.
        segmenter: Draws what stands in them, such as `generation.labelers.sam.SegmentAnything`.
    """

    def __init__(self, detector: Detector, segmenter: BoxSegmenter) -> None:
        super().__init__()
        self.detector = detector
        self.segmenter = segmenter
        self.models = (*detector.models, *segmenter.models)
        self.licence = joint_licence(detector.licence, segmenter.licence)

    def check(self, class_names: Sequence[str]) -> None:
        """Refuse names that cannot be looked for.

        Raises:
            ValueError: If there is one; the message has it.
        """
        self.detector.check(class_names)

    @torch.no_grad()
    def label(self, images: Sequence[Tensor], class_names: Sequence[Sequence[str]]) -> list[Labels]:
        """Return the labels of each image, in order.

        Args:
            images: ``(3, H, W)`` uint8 RGB, of any sizes.
            class_names: Of each image, what to look for.

        Raises:
            ValueError: If a name cannot be looked for, or an image has none or too many.
        """
        require_few_classes(class_names)
        detected = self.detector.detect(images, class_names)
        drawn = self.segmenter.masks(images, [each.boxes for each in detected])
        labels = []
        for masks, each in zip(drawn, detected, strict=True):
            mask, weight = resolve(
                masks,
                each.scores.to(masks.device),
                each.classes.to(masks.device),
                threshold=self.detector.threshold,
            )
            labels.append(Labels(mask=mask.cpu(), weight=weight.cpu(), detections=each))
        return labels
