"""SAM 3: masks of all that a phrase names, by one model.

Carion et al., "SAM 3: Segment Anything with Concepts", 2025; by transformers. Weights come under
the SAM License and are given on request.
Letters: B images; Q masks that the network proposes; H, W size of an image.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generation.labelers.detector import Detections, best_boxes, require_names
from generation.labelers.labeler import Labels, require_few_classes
from generation.labelers.overlaps import resolve
from generation.labelers.phrases import phrases
from generation.labelers.pretrained import Network, load_frozen, model_files, whole


class Sam3Labeler(nn.Module):
    """A labeler, and a detector, that asks SAM 3 for each class by its name.

    Args:
        model: Hub id or folder.
        threshold: Score from which a mask shows its class.
        doubt_threshold: Score from which a mask is kept at all, as doubt.
        max_iou: Overlap of two boxes of a class from which they are one object.
        licence: Of the model's results, an SPDX expression; empty where unknown.
        revision: Of the hub: a branch, tag or commit.

    Raises:
        ModelNotFound: If the model is neither here nor to be had.
        ValueError: If a threshold is out of range.
    """

    def __init__(
        self,
        model: str = "facebook/sam3",
        *,
        threshold: float = 0.5,
        doubt_threshold: float = 0.4,
        max_iou: float = 0.5,
        licence: str = "",
        revision: str = "main",
    ) -> None:
        from transformers import AutoImageProcessor, AutoTokenizer, Sam3Model

        super().__init__()
        if not 0 < doubt_threshold <= threshold <= 1:
            raise ValueError(
                f"doubt_threshold {doubt_threshold} and threshold {threshold}: give them so that "
                "0 < doubt_threshold <= threshold <= 1"
            )
        files = model_files(model, revision=revision)
        self.net = load_frozen(files, Sam3Model)
        with whole(files):
            self._pixels = AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]
                files.folder, local_files_only=True
            )
            self._tokenizer = AutoTokenizer.from_pretrained(files.folder, local_files_only=True)
        self.threshold = threshold
        self.doubt_threshold = doubt_threshold
        self.max_iou = max_iou
        self.models = (files.name,)
        self.licence = licence

    def check(self, class_names: Sequence[str]) -> None:
        """Refuse names that cannot be looked for.

        Raises:
            ValueError: If a name has no word, or more than the text encoder reads, or if two are
                asked for alike.
        """
        length = int(self.net.config.text_config.max_position_embeddings)
        for name, text in zip(class_names, phrases(class_names), strict=True):
            found = len(self._tokenizer(text).input_ids)
            if found > length:
                raise ValueError(
                    f"class name {name!r} is {found} tokens long, SAM 3 reads {length}: shorten it"
                )

    def detect(
        self, images: Sequence[Tensor], class_names: Sequence[Sequence[str]]
    ) -> list[Detections]:
        """Return what is found on each image.

        Args:
            images: ``(3, H, W)`` uint8 RGB, of any sizes.
            class_names: Of each image, what to look for.

        Raises:
            ValueError: If a name cannot be looked for, or an image has none.
        """
        return [detections for detections, _ in self._found(images, class_names)]

    def label(self, images: Sequence[Tensor], class_names: Sequence[Sequence[str]]) -> list[Labels]:
        """Return the labels of each image, in order.

        Args:
            images: ``(3, H, W)`` uint8 RGB, of any sizes.
            class_names: Of each image, what to look for.

        Raises:
            ValueError: If a name cannot be looked for, or an image has none or too many.
        """
        require_few_classes(class_names)
        labels = []
        for image, (detections, low) in zip(images, self._found(images, class_names), strict=True):
            masks = low.new_zeros(0, *image.shape[1:])
            if len(low):
                size = [int(side) for side in image.shape[1:]]
                masks = F.interpolate(low[None], size, mode="bilinear")[0]
            mask, weight = resolve(
                masks,
                detections.scores.to(masks.device),
                detections.classes.to(masks.device),
                threshold=self.threshold,
            )
            labels.append(Labels(mask=mask.cpu(), weight=weight.cpu(), detections=detections))
        return labels

    @torch.no_grad()
    def _found(
        self, images: Sequence[Tensor], class_names: Sequence[Sequence[str]]
    ) -> list[tuple[Detections, Tensor]]:
        """Return of each image its detections and their masks at the network's size, in [0, 1]."""
        require_names(class_names, len(images))
        for names in class_names:
            self.check(names)
        device = next(self.net.parameters()).device
        pixels = self._pixels(
            [image.to(device) for image in images],
            input_data_format="channels_first",  # or one of 3 px would be taken for rows of colours
            return_tensors="pt",
        )["pixel_values"].to(device)
        seen = self.net.get_vision_features(pixels)
        texts = [phrases(names) for names in class_names]
        results: list[list[_OfClass]] = [[] for _ in images]
        # the k-th class of all images that have as many: the image encoder, which costs most, runs
        # once for all of them
        for number in range(max(map(len, class_names))):
            places = [k for k, names in enumerate(class_names) if number < len(names)]
            asked = [texts[place][number] for place in places]
            for place, found in zip(places, self._asked(seen, places, asked), strict=True):
                results[place].append(found)
        return [
            self._detections(each, (image.shape[1], image.shape[2]))
            for each, image in zip(results, images, strict=True)
        ]

    def _asked(
        self, seen: Network, places: Sequence[int], phrases: Sequence[str]
    ) -> list["_OfClass"]:
        from transformers.models.sam3.modeling_sam3 import Sam3VisionEncoderOutput

        device = next(self.net.parameters()).device
        rows = torch.tensor(places, device=device)
        words = self._tokenizer(
            list(phrases),
            padding="max_length",
            max_length=int(self.net.config.text_config.max_position_embeddings),
            return_tensors="pt",
        )
        result = self.net(
            vision_embeds=Sam3VisionEncoderOutput(
                fpn_hidden_states=tuple(each[rows] for each in seen.fpn_hidden_states),
                fpn_position_encoding=tuple(each[rows] for each in seen.fpn_position_encoding),
            ),
            input_ids=words["input_ids"].to(device),
            attention_mask=words["attention_mask"].to(device),
        )
        scores = result.pred_logits.float().sigmoid() * result.presence_logits.float().sigmoid()
        return [
            (boxes, each, masks)
            for boxes, each, masks in zip(
                result.pred_boxes.float(), scores, result.pred_masks.float(), strict=True
            )
        ]

    def _detections(
        self, found: Sequence["_OfClass"], size: tuple[int, int]
    ) -> tuple[Detections, Tensor]:
        height, width = size
        possible = [scores >= self.doubt_threshold for _, scores, _ in found]
        relative, scores, masks = (
            torch.cat([each[part][keep] for each, keep in zip(found, possible, strict=True)])
            for part in range(3)
        )
        kinds = torch.cat([keep.nonzero() * 0 + k for k, keep in enumerate(possible, 1)]).flatten()
        scale = relative.new_tensor([width, height, width, height])
        boxes, kept = best_boxes(relative * scale, scores, kinds, size=size, max_iou=self.max_iou)
        detections = Detections(
            boxes=boxes[kept].cpu(),
            scores=scores[kept].cpu(),
            classes=kinds[kept].cpu(),
            best=torch.stack([each.max() for _, each, _ in found]).cpu(),
        )
        return detections, masks[kept].sigmoid()


_OfClass = tuple[Tensor, Tensor, Tensor]
"""Boxes ``(Q, 4)`` in [0, 1], scores ``(Q,)``, logits of masks ``(Q, h, w)``."""
