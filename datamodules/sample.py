"""The record: one finished pair of image and mask, on disk and in a dataset.

Letters: H, W height and width of the stored pair; all tensors of this file are on the CPU.
"""

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor


class MaskKind(StrEnum):
    """How the values of a mask are read."""

    ALPHA = "alpha"
    """0..255 is the soft coverage of one object, ``class_names[0]``."""
    LABELS = "labels"
    """Value k is ``class_names[k]``, 0 is background, 255 is void."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a sample came from, enough to make it again."""

    source: str
    """``"dis5k"``, ``"folder"``, or the generator's name."""
    revision: str = ""
    """Data set release, or git commit of the generator."""
    config: str = ""
    """sha256 of the resolved configuration; empty for photographs."""
    parents: tuple[str, ...] = ()
    """Ids this sample was edited from."""
    licence: str = ""
    """The strictest licence of parents and models; empty where unknown."""
    edits: tuple[str, ...] = ()
    """What was done to the parent, first to last, with camera or strength."""
    models: tuple[str, ...] = ()
    """Networks that took part, each with its revision or the hash of its weights."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """One finished pair. Frozen, validated once; an edit is a new `Sample` that names its parents.

    Raises:
        ValueError: If a field has the wrong dtype, rank or size; the message names the id.
    """

    id: str
    """Unique and stable; the file name at the end."""
    image: Tensor
    """``(3, H, W)`` uint8 RGB."""
    mask: Tensor
    """``(H, W)`` uint8, read according to `mask_kind`."""
    mask_kind: MaskKind
    class_names: tuple[str, ...]
    """Names the mask refers to, background included for labels."""
    provenance: Provenance
    prompt: str = ""
    """Text the image was made from; empty for photographs."""
    seed: int = -1
    """Seed the image was made from; -1 for photographs."""
    weight: Tensor | None = None
    """``(H, W)`` uint8, how far a pixel counts: 255 fully, 0 not at all. None: all fully."""
    counterfactual: Tensor | None = None
    """``(3, H, W)`` uint8, the same scene without the object. None: there is none."""

    def __post_init__(self) -> None:
        _check(self.id, "image", self.image, (3, *self.mask.shape))
        _check(self.id, "mask", self.mask, tuple(self.image.shape[1:]))
        if self.weight is not None:
            _check(self.id, "weight", self.weight, tuple(self.mask.shape))
        if self.counterfactual is not None:
            _check(self.id, "counterfactual", self.counterfactual, tuple(self.image.shape))


def _check(id: str, name: str, value: Tensor, shape: tuple[int, ...]) -> None:
    if value.dtype != torch.uint8 or tuple(value.shape) != shape:
        raise ValueError(
            f"sample {id!r}: {name} must be uint8 of shape {shape} to fit the other fields, "
            f"got {value.dtype} of shape {tuple(value.shape)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """A sample at the size that a network sees, with what evaluation needs of the original."""

    sample: Sample
    size: tuple[int, int]
    """(height, width) of the original."""
    truth: Tensor | None = None
    """``(h, w)`` uint8, the mask at the original size. None in training: nothing reads it."""
    truth_weight: Tensor | None = None
    """``(h, w)`` uint8, the weight at the original size. None: every pixel counts."""
    is_synthetic: bool = False
    """Whether it was drawn as a synthetic pair of a mixture."""
    finer: Tensor | None = None
    """``(3, h, w)`` uint8 RGB, the photo larger than the network sees it, for prediction in tiles.
    None: there are none."""
    failure: str = ""
    """Why no pair could be synthesised from this one, which stands in its place. Empty: none was
    wanted, or this is it."""
