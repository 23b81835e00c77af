"""SAM-HQ, fine-tuned for dichotomous segmentation with prompts drawn from the truth.

Ke et al., "Segment Anything in High Quality", NeurIPS 2023 (code and weights Apache-2.0); the model
is transformers' (Apache-2.0), see `networks.sam_hq_decoder` and `networks.sam_hq_keys`.

It is told where the object is: by the box of the true mask in validation and test. That is a
protocol of its own, whose scores never stand beside those of networks that see the image alone.

Letters: B samples; s the side of the image (published: 1024).
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    SamHQConfig,
    SamHQMaskDecoderConfig,
    SamHQModel,
    SamHQPromptEncoderConfig,
    SamHQVisionConfig,
)

from networks.adapter import ImageAndMask
from networks.official_weights import owner_of
from networks.outputs import Outputs
from networks.sam_hq_decoder import as_published
from networks.sam_hq_keys import sam_hq_sizes, to_transformers
from networks.sam_hq_prompts import Prompts, boxes_of, draw_prompts
from networks.weights import WeightsError, read_weights

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as SAM's
_TRAINED = (
    *("hq_token", "hq_mask_mlp", "compress_vit_", "encoder_conv", "encoder_norm"),
    *("mask_conv", "mask_norm"),
)
"""Beginnings of the names, below ``mask_decoder``, that SAM-HQ has beyond SAM."""
_PREFIX = "sam."  # of this network's own state
_MASK_SHARE = 4  # a mask as prompt has a quarter of the image's side


class SamHQ(nn.Module):
    """One logit map of a batch whose true masks say where its objects are.

    SAM stays as it is; only what SAM-HQ adds to it is trained, as published.

    Args:
        weights: An official file (``sam_hq_vit_{b,l,h}.pth``) or one that a fit of this network
            has left, whose sizes are read from it; or a folder or hub id of transformers.
        hq_token_only: Whether the map is that of the added token, as in the published training, or
            the sum with SAM's own, as in its demonstrations.

    Raises:
        WeightsError: If the weights cannot be had, cannot be read or are not those of SAM-HQ.
    """

    prompt_protocol = "prompted: the network was given the box around each true mask"
    """What a report says of its scores."""
    sam: Any  # transformers' classes have no annotations
    mean: Tensor
    std: Tensor

    def __init__(self, weights: str, *, hq_token_only: bool = True) -> None:
        super().__init__()
        # without dropout or batch norm, SAM is the same in training mode
        self.sam = _loaded(weights).train()
        as_published(self.sam)
        self.size = int(self.sam.config.vision_config.image_size)
        self.hq_token_only = hq_token_only
        for name, parameter in self.sam.named_parameters():
            parameter.requires_grad_(name.startswith(tuple(f"mask_decoder.{x}" for x in _TRAINED)))
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, batch: ImageAndMask) -> Outputs:
        """Return the map of a batch.

        In training, box, points or noisy mask are drawn from the true masks, by a generator that is
        seeded from torch's own, which the training seeds at each step. Otherwise the prompt is the
        box of the true mask; of an image without one, that of the whole image.

        Args:
            batch: Image ``(B, 3, s, s)`` float RGB in [0, 1] and mask ``(B, 1, s, s)``.

        Returns:
            One logit map ``(B, 1, s / 4, s / 4)``.

        Raises:
            ValueError: If the image has another size than the weights were made for.
        """
        self.check_image_size(*batch.image.shape[2:])
        image = (batch.image.to(self.mean.dtype) - self.mean) / self.std
        embedding, between = self.sam.get_image_embeddings(image)  # without gradients
        prompts = self._prompts(batch.mask)
        found = self.sam(
            image_embeddings=embedding,
            intermediate_embeddings=between,
            input_points=prompts.points,
            input_boxes=prompts.boxes,
            input_masks=prompts.masks,
            multimask_output=False,
            hq_token_only=self.hq_token_only,
        )
        return Outputs(logits=[found.pred_masks[:, 0]])

    def check_image_size(self, height: int, width: int) -> None:
        """Compare the pixels of an image to come with those that the weights were made for.

        Raises:
            ValueError: If they differ.
        """
        if (height, width) != (self.size, self.size):
            raise ValueError(
                f"these weights of SAM-HQ see images of {self.size} x {self.size} px alone, got "
                f"{height} x {width}: set data.size to {self.size}"
            )

    def _prompts(self, mask: Tensor) -> Prompts:
        if not self.training:
            return Prompts(boxes=boxes_of(mask))
        seed = int(torch.randint(2**62, ()))
        generator = torch.Generator().manual_seed(seed)
        return draw_prompts(mask, self.size // _MASK_SHARE, generator)


def _loaded(weights: str) -> nn.Module:
    path = Path(weights).expanduser()
    if path.is_file():
        return _converted(weights)
    model: Any = SamHQModel
    net: nn.Module
    try:
        net, found = model.from_pretrained(weights, output_loading_info=True)
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"weights {weights} are neither an official file of SAM-HQ nor a folder or hub id of "
            f"transformers' ({type(error).__name__}): give the path of sam_hq_vit_b.pth or the like"
        ) from error
    if found["missing_keys"] or found["mismatched_keys"]:
        raise WeightsError(
            f"weights {weights} lack {len(found['missing_keys'])} keys of SAM-HQ: give the folder "
            "of a SamHQModel, not of a SamModel"
        )
    return net.float()


def _converted(weights: str) -> nn.Module:
    state = {key.removeprefix(_PREFIX): x for key, x in read_weights(weights).items()}
    try:
        state = to_transformers(state)
    except ValueError as error:
        raise WeightsError(f"weights {weights}: {error}{owner_of(state)}") from error
    sizes = sam_hq_sizes(state)
    config = SamHQConfig(
        vision_config=SamHQVisionConfig(**sizes._asdict()),
        prompt_encoder_config=SamHQPromptEncoderConfig(image_size=sizes.image_size),
        mask_decoder_config=SamHQMaskDecoderConfig(vit_dim=sizes.hidden_size),
    )
    net = SamHQModel(config)
    try:
        net.load_state_dict(state)
    except RuntimeError as error:  # several lines, all keys
        raise WeightsError(
            f"weights {weights} are not all of SAM-HQ ({len(state)} keys, "
            f"{len(net.state_dict())} wanted): give the official file as it was downloaded"
        ) from error
    return net
