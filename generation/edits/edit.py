"""What an edit is: a new sample from a sample and a seed."""

from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from datamodules.sample import Provenance, Sample
from datamodules.seeds import seed_for
from generation.edits.warp import Warp, apply

VERSION = 1
"""Raised whenever the same seed gives other pixels."""


class Edit(Protocol):
    """Makes another mask of the same object, with its photo, as a function of sample and seed."""

    def __call__(self, sample: Sample, seed: int) -> Sample:
        """Return a new sample whose provenance names `sample` as its parent.

        Raises:
            ValueError: If the mask is of labels or empty.
        """
        ...


class WarpEdit(Edit, Protocol):
    """An edit that moves pixels. Painters use its map to paint the photo better than it does."""

    def field(self, sample: Sample, seed: int) -> Warp:
        """Return where each pixel of the edited mask comes from.

        Raises:
            ValueError: If the mask is of labels or empty.
        """
        ...

    def moved(self, sample: Sample, warp: Warp, seed: int, *, with_photo: bool = True) -> Sample:
        """Return the edited sample, given its map: for who needs both and would make it twice.

        Args:
            sample: As given to `field`.
            warp: What `field` returned.
            seed: As given to `field`.
            with_photo: As for `edited`.
        """
        ...


def edited_id(id: str, edit: str, seed: int) -> str:
    """Return the id of an edited sample, ``<id>~<name>-<12 hex digits>``.

    The digits follow from the seed and the whole description of the edit: two edits of a source
    that differ in any parameter never share a file name.

    Args:
        id: Of the source.
        edit: Name and parameters; the name is what stands before the first ``(``.
        seed: Of the edit.

    Example:
        >>> edited_id("chair", "view(10)", 3)
        'chair~view-457f81bf9673'
    """
    return f"{id}~{edit.partition('(')[0]}-{seed_for(seed, edit) >> 15:012x}"


def edited(
    sample: Sample,
    warp: Warp,
    *,
    edit: str,
    seed: int,
    drawn: str | None = None,
    with_photo: bool = True,
) -> Sample:
    """Return a sample with every picture moved by a warp.

    Licence, class, prompt and kind of mask are the parent's. Image, mask, weight and
    counterfactual move alike, so they stay aligned.

    Args:
        sample: The parent.
        warp: Where the pixels come from; of the parent's size.
        edit: Name and parameters of the edit, as for `edited_id`.
        seed: Of the edit.
        drawn: What the seed chose within the parameters, a camera for one. None: the parameters say
            all.
        with_photo: False leaves image and counterfactual as they were, which saves a third of the
            time: for a painter, who makes another image.
    """
    provenance = Provenance(
        source=edit.partition("(")[0],
        revision=str(VERSION),
        parents=(sample.id,),
        licence=sample.provenance.licence,
        edits=(*sample.provenance.edits, edit if drawn is None else drawn),
        models=sample.provenance.models,
    )
    planes = {"mask": sample.mask, "weight": sample.weight}
    if with_photo:
        planes |= {"image": sample.image, "counterfactual": sample.counterfactual}
    moved = _moved({name: plane for name, plane in planes.items() if plane is not None}, warp)
    return replace(
        sample,
        id=edited_id(sample.id, edit, seed),
        image=moved.get("image", sample.image),
        mask=moved["mask"],
        weight=moved.get("weight"),
        counterfactual=moved.get("counterfactual", sample.counterfactual),
        seed=seed,
        provenance=provenance,
    )


def _moved(planes: dict[str, Tensor], warp: Warp) -> dict[str, Tensor]:
    """Return ``(H, W)`` and ``(C, H, W)`` uint8 pictures moved by a warp.

    Together, because half the time goes into finding the points, not into reading them.
    """
    layers = [plane.reshape(-1, *plane.shape[-2:]) for plane in planes.values()]
    stack = torch.cat(layers).permute(1, 2, 0).numpy()
    moved = torch.from_numpy(apply(stack, warp)).permute(2, 0, 1)
    parts = torch.split(moved, [len(layer) for layer in layers])
    return {
        name: part.contiguous().view(plane.shape)
        for (name, plane), part in zip(planes.items(), parts, strict=True)
    }
