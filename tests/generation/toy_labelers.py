"""A detector and a segmenter whose results follow from the pixels."""

from collections.abc import Sequence

import torch
from torch import Tensor

from generation.labelers.detector import Detections


class BrightBoxes:
    """Finds the class number k in the box of the pixels of value 10 k + score x 10 in red.

    A red value of 18 is the first class with a score of .8.
    """

    models = ("bright@1",)
    licence = "CC0-1.0"
    threshold = 0.3

    def check(self, class_names: Sequence[str]) -> None:
        if "nothing" in class_names:
            raise ValueError("class name 'nothing' cannot be looked for")

    def detect(
        self, images: Sequence[Tensor], class_names: Sequence[Sequence[str]]
    ) -> list[Detections]:
        return [
            self._found(image[0], len(own)) for image, own in zip(images, class_names, strict=True)
        ]

    def _found(self, red: Tensor, number: int) -> Detections:
        values = [v for v in torch.unique(red).tolist() if 10 < v < 10 * (number + 1) and v % 10]
        values.sort(key=lambda value: -(value % 10))
        boxes = []
        for value in values:
            rows, columns = (red == value).nonzero(as_tuple=True)
            boxes.append(
                [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1],
            )
        best = torch.zeros(number)
        for value in values:
            best[value // 10 - 1] = max(float(best[value // 10 - 1]), value % 10 / 10)
        return Detections(
            boxes=torch.tensor(boxes, dtype=torch.float32).view(-1, 4),
            scores=torch.tensor([value % 10 / 10 for value in values]),
            classes=torch.tensor([value // 10 for value in values], dtype=torch.long),
            best=best,
        )


class WholeBoxes:
    """Draws boxes."""

    models = ("box@1",)
    licence = "Apache-2.0"

    def masks(self, images: Sequence[Tensor], boxes: Sequence[Tensor]) -> list[Tensor]:
        found = []
        for image, own in zip(images, boxes, strict=True):
            masks = torch.zeros(len(own), *image.shape[1:])
            for mask, (left, top, right, bottom) in zip(masks, own.int().tolist(), strict=True):
                mask[top:bottom, left:right] = 1
            found.append(masks)
        return found
