"""What an edit is that runs on the device: it edits the masks of a batch of drafts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from torch import Tensor

from datamodules.generation_result import Rejected
from datamodules.sample import MaskKind, Provenance, Sample
from generation.edits.extent import HALF
from generation.licence import joint_licence


class BatchEdit(Protocol):
    """Makes other masks of the same objects, a batch at a time.

    A ``torch.nn.Module`` is moved to the device by the module that holds it. Batches are fixed by
    the plan, so that kernels whose last bits depend on the batch give the same pixels again.
    """

    def edit(self, drafts: Sequence[Sample], seeds: Sequence[int]) -> Sequence[Sample | Rejected]:
        """Return each draft with its mask edited, or why that failed, in the order of the drafts.

        Args:
            drafts: With alpha masks.
            seeds: Of all randomness of each.

        Returns:
            Samples on the CPU with the drafts' ids and sizes. Their images are still the drafts',
            which a painter replaces: an edit that moves no pixels cannot. Provenance names the edit
            among the edits and its networks with their revisions among the models.

        Raises:
            ValueError: If a mask is of labels.
        """
        ...


def to_edit(draft: Sample, edit: str) -> Sample | Rejected:
    """Return the draft, or `Rejected` if no pixel of its mask is covered by half.

    Args:
        draft: Any.
        edit: Name of the edit.

    Raises:
        ValueError: If the mask is of labels.
    """
    if draft.mask_kind is not MaskKind.ALPHA:
        raise ValueError(
            f"sample {draft.id!r} has a {draft.mask_kind} mask; edits want alpha: one object"
        )
    if draft.mask.numel() == 0 or int(draft.mask.max()) < HALF:
        return Rejected(draft.id, edit, "the mask to edit is empty")
    return draft


def with_mask(
    draft: Sample, mask: Tensor, *, edit: str, version: int, models: Sequence[str], licence: str
) -> Sample | Rejected:
    """Return a draft with another mask; weight and counterfactual, made for the old one, are gone.

    Args:
        draft: Its parents stay; one without any is its own.
        mask: ``(H, W)`` uint8 of the draft's size, on the CPU.
        edit: What was done, with its parameters; the name is what stands before the first ``(``.
        version: Of the edit's code.
        models: Networks that took part, with revisions.
        licence: Of the networks' results; the strictest of it and the draft's is both together.

    Returns:
        `Rejected` if no pixel of the mask is covered by half, or all are.
    """
    name = edit.partition("(")[0]
    objects = mask >= HALF
    if not objects.any():
        return Rejected(draft.id, name, "nothing of the object is left")
    if objects.all():
        return Rejected(draft.id, name, "nothing but the object is left")
    origin = draft.provenance
    return replace(
        draft,
        mask=mask,
        weight=None,
        counterfactual=None,
        provenance=Provenance(
            source=name,
            revision=str(version),
            config=origin.config,
            parents=origin.parents or (draft.id,),
            licence=joint_licence(origin.licence, licence),
            edits=(*origin.edits, edit),
            models=(*origin.models, *models),
        ),
    )
