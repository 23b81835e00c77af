"""Views stacked for one step.

Letters: B samples, H and W the network's size, h and w a sample's own size.
"""

from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Tensor

from datamodules.sample import MaskKind, View


@dataclass(slots=True, kw_only=True, eq=False)
class Batch:
    """Samples stacked for one step; mutable because Lightning moves it between devices.

    `collate` stacks bytes (a quarter of the memory through queues and to the device);
    `to_float` is applied once, on the device, before anything else sees the batch.
    """

    id: list[str]
    """One per sample."""
    image: Tensor
    """``(B, 3, H, W)`` float RGB in [0, 1]; uint8 before `to_float`."""
    mask: Tensor
    """ALPHA: ``(B, 1, H, W)`` float in [0, 1]. LABELS: ``(B, H, W)`` long. uint8 before."""
    weight: Tensor
    """``(B, 1, H, W)`` float in [0, 1], how far each pixel counts; uint8 before `to_float`."""
    mask_kind: MaskKind
    class_names: list[tuple[str, ...]]
    """One per sample."""
    prompt: list[str]
    """One per sample; empty for photographs."""
    size: list[tuple[int, int]]
    """(height, width) of each original."""
    counterfactual: Tensor | None
    """Like `image`, zeros where a sample has none. None where no sample of the batch has one."""
    has_counterfactual: Tensor
    """``(B,)`` bool."""
    truth: list[Tensor | None]
    """``(h, w)`` uint8 masks at the original sizes, for evaluation; None in training."""
    truth_weight: list[Tensor | None]
    """``(h, w)`` uint8 weights at the original sizes; None where every pixel counts."""
    is_synthetic: list[bool] = field(default_factory=list)
    """For each sample whether it was drawn as a synthetic pair, see `Mixture`."""
    failures: list[str] = field(default_factory=list)
    """For each sample why it stands in for one that could not be made, or empty."""
    finer: list[Tensor | None] = field(default_factory=list)
    """For each sample ``(3, h, w)`` uint8 RGB, the photo larger than in `image`, which prediction
    cuts into tiles; None where it goes without."""

    def __len__(self) -> int:
        return len(self.id)

    def to_float(self) -> Self:
        """Return the batch with its pixel planes as the floats documented at each field."""
        alpha = self.mask_kind is MaskKind.ALPHA
        counterfactual = self.counterfactual
        return replace(
            self,
            image=self.image.float().div_(255),
            mask=self.mask.float().div_(255).unsqueeze(1) if alpha else self.mask.long(),
            weight=self.weight.float().div_(255).unsqueeze(1),
            counterfactual=None if counterfactual is None else counterfactual.float().div_(255),
        )

    def pin_memory(self) -> Self:
        """Return the batch in pinned memory: the DataLoader does not look inside dataclasses."""
        counterfactual = self.counterfactual
        return replace(
            self,
            image=self.image.pin_memory(),
            mask=self.mask.pin_memory(),
            weight=self.weight.pin_memory(),
            counterfactual=None if counterfactual is None else counterfactual.pin_memory(),
            has_counterfactual=self.has_counterfactual.pin_memory(),
        )


def collate(views: list[View]) -> Batch:
    """Stack views of one size into a batch of bytes.

    Raises:
        ValueError: If mask kinds or sizes differ.
    """
    samples = [view.sample for view in views]
    kinds = {sample.mask_kind for sample in samples}
    shapes = {tuple(sample.mask.shape) for sample in samples}
    if len(kinds) > 1 or len(shapes) > 1:
        raise ValueError(
            f"a batch needs one mask kind and one size, got {sorted(kinds)} and {sorted(shapes)} "
            f"from {[sample.id for sample in samples]}: resize before collate"
        )
    has_counterfactual = [sample.counterfactual is not None for sample in samples]
    return Batch(
        id=[sample.id for sample in samples],
        image=torch.stack([sample.image for sample in samples]),
        mask=torch.stack([sample.mask for sample in samples]),
        weight=torch.stack([_plane(sample.weight, sample.mask, 255) for sample in samples]),
        mask_kind=samples[0].mask_kind,
        class_names=[sample.class_names for sample in samples],
        prompt=[sample.prompt for sample in samples],
        size=[view.size for view in views],
        counterfactual=torch.stack(
            [_plane(sample.counterfactual, sample.image, 0) for sample in samples]
        )
        if any(has_counterfactual)
        else None,
        has_counterfactual=torch.tensor(has_counterfactual),
        truth=[view.truth for view in views],
        truth_weight=[view.truth_weight for view in views],
        is_synthetic=[view.is_synthetic for view in views],
        failures=[view.failure for view in views],
        finer=[view.finer for view in views],
    )


def _plane(plane: Tensor | None, like: Tensor, value: int) -> Tensor:
    return torch.full_like(like, value) if plane is None else plane
