"""Detectors and segmenters of transformers by hub id or folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch

from generation.diffusion.loading import ModelFiles, ModelNotFound, network_files

Network: TypeAlias = Any
"""A ``PreTrainedModel`` of transformers, whose kind is known at run time alone."""


def model_files(model: str, *, revision: str) -> ModelFiles:
    """Return the files of a network with what its images and words are made ready by.

    Args:
        model: Hub id (``owner/name``) or local folder.
        revision: Of the hub: a branch, tag or commit.

    Raises:
        ModelNotFound: If it is neither here nor to be had.
    """
    return network_files(model, revision=revision, weights="*.safetensors*")


def load_frozen(files: ModelFiles, kind: type[Network]) -> Network:
    """Return a network in float32 on the CPU, frozen, in evaluation mode.

    Args:
        files: Of the model.
        kind: Class of transformers, such as ``SamModel``.

    Raises:
        ModelNotFound: If files are missing from the folder.
        ValueError: If the folder holds a model of another kind.
    """
    with whole(files):
        net = kind.from_pretrained(
            files.folder,
            use_safetensors=True,
            local_files_only=True,
            dtype=torch.float32,  # else that of the file: half precision is slow on a CPU
        )
    return net.requires_grad_(False).eval()


@contextmanager
def whole(files: ModelFiles) -> Iterator[None]:
    """Say of a folder that files are missing from it.

    Raises:
        ModelNotFound: Where transformers finds a file missing.
    """
    try:
        yield
    except OSError as error:
        line = " ".join(str(error).split())
        raise ModelNotFound(
            f"{files.folder} is no whole model with safetensors and settings of images and "
            f"words: {line}"
        ) from error
