"""Segment Anything: masks of what stands in boxes.

SAM (Kirillov et al., ICCV 2023), SAM-HQ (Ke et al., NeurIPS 2023) and SAM 2 (Ravi et al., ICLR
2025), code and weights of all three Apache-2.0; by transformers.
Letters: H, W size of an image; N boxes.
"""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import torch
from torch import Tensor, nn

from generation.labelers.pretrained import load_frozen, model_files, whole
from networks.sam_hq_decoder import as_published

_BOXES_TOGETHER = 16  # each has maps of 256 x 256 with 32 channels, several at a time
Embeddings: TypeAlias = "Tensor | Sequence[Embeddings]"
"""What an image encoder returns: one tensor, or several, ``(B, ...)`` each."""


class BoxSegmenter(Protocol):
    """Draws masks of what stands in boxes, on a batch of images."""

    models: tuple[str, ...]
    """Networks that take part, each with its revision or the hash of its weights."""
    licence: str
    """Of the networks' results, an SPDX expression; empty where unknown."""

    def masks(self, images: Sequence[Tensor], boxes: Sequence[Tensor]) -> list[Tensor]:
        """Return of each image ``(N, H, W)`` float in [0, 1], on the device.

        Args:
            images: ``(3, H, W)`` uint8 RGB, of any sizes.
            boxes: Of each image ``(N, 4)`` float: left, top, right, bottom in pixels.
        """
        ...


class SegmentAnything(nn.Module):
    """SAM, SAM-HQ or SAM 2, whichever the model is.

    Args:
        model: Hub id or folder, such as ``facebook/sam-vit-huge``, ``syscv-community/
            sam-hq-vit-huge`` or ``facebook/sam2.1-hiera-large``.
        licence: Of the model's results, an SPDX expression; empty where unknown.
        revision: Of the hub: a branch, tag or commit.

    Raises:
        ModelNotFound: If the model is neither here nor to be had.
        ValueError: If it is none of the three.
    """

    def __init__(
        self,
        model: str = "facebook/sam-vit-huge",
        *,
        licence: str = "Apache-2.0",
        revision: str = "main",
    ) -> None:
        from transformers import AutoImageProcessor, AutoModelForMaskGeneration

        super().__init__()
        files = model_files(model, revision=revision)
        self.net = load_frozen(files, AutoModelForMaskGeneration)
        kind = type(self.net).__name__
        if kind not in ("SamModel", "SamHQModel", "Sam2Model"):
            raise ValueError(
                f"model {model} is a {kind}: give a SAM, SAM-HQ or SAM 2, such as "
                "facebook/sam-vit-huge"
            )
        self._is_hq = kind == "SamHQModel"
        if self._is_hq:
            as_published(self.net)
        self._keeps_aspect = kind != "Sam2Model"
        with whole(files):
            self._pixels = AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]
                files.folder, local_files_only=True
            )
        self.models = (files.name,)
        self.licence = licence

    @torch.no_grad()
    def masks(self, images: Sequence[Tensor], boxes: Sequence[Tensor]) -> list[Tensor]:
        """Return of each image ``(N, H, W)`` float in [0, 1], on the device.

        Images are encoded together. The decoder, which costs little, sees one after the other, so
        that each may have its own number of boxes.

        Args:
            images: ``(3, H, W)`` uint8 RGB, of any sizes.
            boxes: Of each image ``(N, 4)`` float: left, top, right, bottom in pixels.
        """
        device = next(self.net.parameters()).device
        found = [torch.zeros(0, *image.shape[1:], device=device) for image in images]
        shown = [place for place, each in enumerate(boxes) if len(each)]
        if not shown:
            return found
        pixels = self._pixels(
            [images[place].to(device) for place in shown],
            input_data_format="channels_first",  # or one of 3 px would be taken for rows of colours
            return_tensors="pt",
        )
        values = pixels["pixel_values"].to(device)
        embeddings = self.net.get_image_embeddings(values)
        # SAM keeps the aspect and pads, SAM 2 resizes to a square
        whole_size = [values.shape[2:]] * len(shown)
        sizes = pixels["reshaped_input_sizes"] if self._keeps_aspect else whole_size
        for number, place in enumerate(shown):
            size = (int(sizes[number][0]), int(sizes[number][1]))
            own = self._as_arguments(_one(embeddings, number))
            found[place] = self._decoded(
                own, boxes[place].to(device), images[place].shape[1:], size
            )
        return found

    def _decoded(
        self,
        embeddings: dict[str, Embeddings],
        boxes: Tensor,
        size: Sequence[int],
        seen: tuple[int, int],
    ) -> Tensor:
        height, width = size
        across, down = seen[1] / width, seen[0] / height
        scaled = boxes * boxes.new_tensor([across, down, across, down])
        low = [
            self.net(input_boxes=some[None], multimask_output=False, **embeddings).pred_masks[0]
            for some in torch.split(scaled, _BOXES_TOGETHER)
        ]
        where = {"reshaped_input_sizes": [seen]} if self._keeps_aspect else {}
        logits = self._pixels.post_process_masks(
            [torch.cat(low)], original_sizes=[(height, width)], binarize=False, **where
        )
        probabilities: Tensor = logits[0][:, 0].float().sigmoid()
        return probabilities

    def _as_arguments(self, embeddings: Embeddings) -> dict[str, Embeddings]:
        if not self._is_hq:
            return {"image_embeddings": embeddings}
        last, between = embeddings
        return {"image_embeddings": last, "intermediate_embeddings": between}


def _one(embeddings: Embeddings, place: int) -> Embeddings:
    """Return what belongs to one image of a batch."""
    if isinstance(embeddings, Tensor):
        return embeddings[place : place + 1]
    return [_one(each, place) for each in embeddings]
