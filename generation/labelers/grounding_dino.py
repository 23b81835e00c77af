"""Grounding DINO: boxes of classes that are named in words.

Liu et al., "Grounding DINO", ECCV 2024 (code and weights Apache-2.0); by transformers.
Letters: B images of a forward pass; Q boxes that the network proposes; T tokens; K classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision.ops import box_convert

from generation.labelers.detector import Detections, best_boxes, require_names
from generation.labelers.phrases import NO_CLASS, Caption, captions
from generation.labelers.pretrained import load_frozen, model_files, whole

_FAMILIES = ("grounding-dino", "mm-grounding-dino")


class GroundingDino(nn.Module):
    """A detector that is told classes by name; each is scored by the tokens of its own name.

    The score of a box for a class is the highest probability among the tokens of that class. Names
    that the text encoder has no room for are asked for in further passes.

    Args:
        model: Hub id or folder of a Grounding DINO or MM Grounding DINO.
        box_threshold: Score from which a box shows its class.
        text_threshold: Score from which a box is kept at all, as doubt.
        max_iou: Overlap of two boxes of a class from which they are one object.
        licence: Of the model's results, an SPDX expression; empty where unknown.
        revision: Of the hub: a branch, tag or commit.

    Raises:
        ModelNotFound: If the model is neither here nor to be had.
        ValueError: If it is none of the two, or a threshold is out of range.
    """

    def __init__(
        self,
        model: str = "IDEA-Research/grounding-dino-base",
        *,
        box_threshold: float = 0.3,
        text_threshold: float = 0.25,
        max_iou: float = 0.5,
        licence: str = "Apache-2.0",
        revision: str = "main",
    ) -> None:
        from transformers import (
            AutoImageProcessor,
            AutoModelForZeroShotObjectDetection,
            AutoTokenizer,
        )

        super().__init__()
        if not 0 < text_threshold <= box_threshold <= 1:
            raise ValueError(
                f"text_threshold {text_threshold} and box_threshold {box_threshold}: give them so "
                "that 0 < text_threshold <= box_threshold <= 1"
            )
        files = model_files(model, revision=revision)
        self.net = load_frozen(files, AutoModelForZeroShotObjectDetection)
        family = self.net.config.model_type
        if family not in _FAMILIES:
            raise ValueError(
                f"model {model} is a {family}: give one of {' or '.join(_FAMILIES)}, such as "
                "IDEA-Research/grounding-dino-base"
            )
        with whole(files):
            self._pixels = AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]
                files.folder, local_files_only=True
            )
            self._tokenizer = AutoTokenizer.from_pretrained(files.folder, local_files_only=True)
        self.threshold = box_threshold
        self.text_threshold = text_threshold
        self.max_iou = max_iou
        self.models = (files.name,)
        self.licence = licence

    def check(self, class_names: Sequence[str]) -> None:
        """Refuse names that cannot be looked for.

        Raises:
            ValueError: If a name has no word, one that the tokenizer does not know, or too many, or
                if two are asked for alike.
        """
        self.captions(class_names)

    def captions(self, class_names: Sequence[str]) -> list[Caption]:
        """Return the texts by which classes are asked for.

        Raises:
            ValueError: As `check` does.
        """
        room = int(self.net.config.max_text_len)
        return captions(class_names, self._tokenizer, max_tokens=room)

    @torch.no_grad()
    def detect(
        self, images: Sequence[Tensor], class_names: Sequence[Sequence[str]]
    ) -> list[Detections]:
        """Return what is found on each image; those of one size share forward passes.

        Args:
            images: ``(3, H, W)`` uint8 RGB, of any sizes.
            class_names: Of each image, what to look for.

        Raises:
            ValueError: If a name cannot be looked for, or an image has none.
        """
        require_names(class_names, len(images))
        found: list[list[tuple[Tensor, Tensor]]] = [[] for _ in images]
        for asked in _batches(images, [self.captions(names) for names in class_names]):
            shown = [images[place] for place, _ in asked]
            numbers = [len(class_names[place]) for place, _ in asked]
            result = self._scored(shown, [text for _, text in asked], numbers)
            for (place, _), boxes_and_scores in zip(asked, result, strict=True):
                found[place].append(boxes_and_scores)
        return [
            self._detections(each, (image.shape[1], image.shape[2]))
            for each, image in zip(found, images, strict=True)
        ]

    def _scored(
        self, images: Sequence[Tensor], texts: Sequence[Caption], numbers: Sequence[int]
    ) -> list[tuple[Tensor, Tensor]]:
        """Return of each image ``(Q, 4)`` boxes in [0, 1] and ``(Q, K)`` scores of its classes."""
        device = next(self.net.parameters()).device
        pixels = self._pixels(
            [image.to(device) for image in images],
            input_data_format="channels_first",  # or one of 3 px would be taken for rows of colours
            return_tensors="pt",
        )
        length = max(len(text.tokens) for text in texts)
        padding = self._tokenizer.pad_token_id
        tokens = torch.tensor([_padded(text.tokens, length, padding) for text in texts])
        owners = torch.tensor([_padded(text.owners, length, NO_CLASS) for text in texts])
        is_text = torch.tensor([_padded((1,) * len(text.tokens), length, 0) for text in texts])
        result = self.net(
            pixel_values=pixels["pixel_values"].to(device),
            pixel_mask=pixels["pixel_mask"].to(device),
            input_ids=tokens.to(device),
            attention_mask=is_text.to(device),
        )
        scores = class_scores(result.logits.float(), owners.to(device), max(numbers))
        boxes = result.pred_boxes.float()
        return [(boxes[k], scores[k, :, :number]) for k, number in enumerate(numbers)]

    def _detections(
        self, found: Sequence[tuple[Tensor, Tensor]], size: tuple[int, int]
    ) -> Detections:
        height, width = size
        relative = torch.cat([boxes for boxes, _ in found])
        scores = torch.cat([each for _, each in found])
        scale = relative.new_tensor([width, height, width, height])
        query, kind = (scores >= self.text_threshold).nonzero(as_tuple=True)
        each = scores[query, kind]
        boxes, kept = best_boxes(
            box_convert(relative[query], "cxcywh", "xyxy") * scale,
            each,
            kind,
            size=size,
            max_iou=self.max_iou,
        )
        return Detections(
            boxes=boxes[kept].cpu(),
            scores=each[kept].cpu(),
            classes=kind[kept].cpu() + 1,
            best=scores.amax(0).cpu(),
        )


def class_scores(logits: Tensor, owners: Tensor, num_classes: int) -> Tensor:
    """Return the highest probability among the tokens of each class; 0 for a class without any.

    Args:
        logits: ``(B, Q, T)`` float; of tokens that are none, minus infinity.
        owners: ``(B, t)`` long, t at most T: the class of each token, or `NO_CLASS`.
        num_classes: K.

    Returns:
        ``(B, Q, K)`` float in [0, 1].
    """
    probabilities = logits[..., : owners.shape[1]].sigmoid()
    # tokens of no class go to a column of their own, which is then dropped
    columns = owners.where(owners != NO_CLASS, num_classes)
    index = columns[:, None].expand_as(probabilities)
    scores = probabilities.new_zeros(*probabilities.shape[:2], num_classes + 1)
    return scores.scatter_reduce(2, index, probabilities, "amax")[..., :num_classes]


def _batches(
    images: Sequence[Tensor], texts: Sequence[Sequence[Caption]]
) -> list[list[tuple[int, Caption]]]:
    """Return pairs of an image's place and a text, in batches of one size of image.

    Batches hold at most as many as there are images. Sizes are not mixed: the padding would change
    what the network sees.
    """
    by_size: dict[tuple[int, ...], list[tuple[int, Caption]]] = {}
    for place, (image, own) in enumerate(zip(images, texts, strict=True)):
        by_size.setdefault(tuple(image.shape), []).extend((place, text) for text in own)
    size = len(images)
    return [
        asked[start : start + size]
        for asked in by_size.values()
        for start in range(0, len(asked), size)
    ]


def _padded(values: tuple[int, ...], length: int, padding: int) -> list[int]:
    return [*values, *([padding] * (length - len(values)))]
