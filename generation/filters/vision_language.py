"""Models of images and words by hub id or folder, as filters use them."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generation.diffusion.loading import ModelFiles, ModelNotFound, network_files

Network: TypeAlias = Any
"""A ``PreTrainedModel`` of transformers, whose kind is known at run time alone."""
Tokenizer: TypeAlias = Any
"""A ``PreTrainedTokenizerBase``, which has no types for calls."""


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A network with what its images and words are made ready by."""

    net: nn.Module
    tokenizer: Tokenizer
    mean: Tensor
    """``(3, 1, 1)``, taken off each channel."""
    std: Tensor
    """``(3, 1, 1)``, by which each channel is then divided."""
    size: int
    """Side in pixels of the square that it sees."""
    length: int
    """Most tokens of a text."""

    def words(self, texts: list[str], device: torch.device) -> dict[str, Tensor]:
        """Return what the network is told by texts; what is too long is cut off."""
        found = self.tokenizer(
            texts,
            padding="max_length",
            truncation=True,
            max_length=self.length,
            return_tensors="pt",
        )
        return {name: value.to(device) for name, value in found.items()}

    def pixels(self, images: Tensor) -> Tensor:
        """Return ``(B, 3, size, size)``, normalised, of ``(B, 3, H, W)`` images in [0, 1].

        The whole image is resized to a square: a crop of the middle, as is usual, would leave out
        objects at the border.
        """
        square = (self.size, self.size)
        small = F.interpolate(images, square, mode="bicubic", antialias=True).clamp(0, 1)
        return (small - self.mean.to(images.device)) / self.std.to(images.device)


def load_pretrained(model: str, kind: type[Network], *, revision: str = "main") -> Pretrained:
    """Return a network in float32 on the CPU, frozen, in evaluation mode.

    Args:
        model: Hub id (``owner/name``) or local folder.
        kind: Class of transformers, such as ``AutoModel``.
        revision: Of the hub: a branch, tag or commit.

    Raises:
        ModelNotFound: If it is neither here nor to be had.
        ValueError: If it is no model of images and words.
    """
    from transformers import AutoImageProcessor, AutoTokenizer

    files = network_files(model, revision=revision, weights="*.safetensors")
    try:
        net = kind.from_pretrained(
            # transformers would keep the 16 bits of many files, which images in [0, 1] do not have
            files.folder,
            use_safetensors=True,
            local_files_only=True,
            dtype=torch.float32,
        )
        tokenizer = AutoTokenizer.from_pretrained(files.folder, local_files_only=True)
        prepared = AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]
            files.folder, local_files_only=True
        )
    except OSError as error:
        raise _not_whole(files, error) from error
    config = net.config
    if not hasattr(config, "text_config") or not hasattr(config, "vision_config"):
        raise ValueError(
            f"model {model} is a {type(net).__name__}, which has no text_config and vision_config: "
            "give a model of images and words, such as openai/clip-vit-base-patch32"
        )
    return Pretrained(
        net=net.requires_grad_(False).eval(),
        tokenizer=tokenizer,
        mean=torch.tensor(prepared.image_mean).view(3, 1, 1),
        std=torch.tensor(prepared.image_std).view(3, 1, 1),
        size=int(config.vision_config.image_size),
        length=int(config.text_config.max_position_embeddings),
    )


def _not_whole(files: ModelFiles, error: OSError) -> ModelNotFound:
    line = " ".join(str(error).split())
    return ModelNotFound(
        f"{files.folder} is no whole model with safetensors, tokenizer and image processor: {line}"
    )
