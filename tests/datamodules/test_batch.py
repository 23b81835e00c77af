from dataclasses import replace

import pytest
import torch

from datamodules.batch import collate
from datamodules.sample import MaskKind, Provenance, Sample, View


def view(id: str, *, kind: MaskKind = MaskKind.ALPHA, value: int = 51) -> View:
    mask = torch.full((4, 5), value, dtype=torch.uint8)
    sample = Sample(
        id=id,
        image=mask.expand(3, -1, -1).clone(),
        mask=mask,
        mask_kind=kind,
        class_names=("object",),
        provenance=Provenance(source="folder"),
    )
    return View(sample=sample, size=(40, 50))


def changed(view: View, **fields: object) -> View:
    return replace(view, sample=replace(view.sample, **fields))  # type: ignore[arg-type]


def test_collate_keeps_order_and_what_belongs_to_each_sample() -> None:
    truth = torch.zeros(40, 50, dtype=torch.uint8)
    batch = collate([replace(view("b"), truth=truth), changed(view("a"), prompt="a chair")])
    assert (len(batch), batch.id, batch.prompt) == (2, ["b", "a"], ["", "a chair"])
    assert batch.size == [(40, 50), (40, 50)]
    assert batch.truth[0] is truth
    assert batch.truth[1] is None
    assert batch.image.dtype == batch.mask.dtype == batch.weight.dtype == torch.uint8


def test_missing_weight_counts_fully() -> None:
    zero = torch.zeros(4, 5, dtype=torch.uint8)
    batch = collate([view("a"), changed(view("b"), weight=zero)]).to_float()
    assert batch.weight.shape == (2, 1, 4, 5)
    assert batch.weight.amax((1, 2, 3)).tolist() == [1, 0]
    assert batch.weight.amin((1, 2, 3)).tolist() == [1, 0]


def test_counterfactual_is_there_if_any_sample_has_one() -> None:
    assert collate([view("a")]).counterfactual is None
    other = torch.full((3, 4, 5), 255, dtype=torch.uint8)
    batch = collate([view("a"), changed(view("b"), counterfactual=other)]).to_float()
    assert batch.has_counterfactual.tolist() == [False, True]
    assert batch.counterfactual is not None
    assert batch.counterfactual.amax((1, 2, 3)).tolist() == [0, 1]


def test_alpha_becomes_coverage_between_0_and_1() -> None:
    batch = collate([view("a", value=51)]).to_float()
    assert batch.mask.shape == (1, 1, 4, 5)
    assert batch.mask.unique().tolist() == pytest.approx([0.2])
    assert batch.image.unique().tolist() == pytest.approx([0.2])


def test_labels_stay_indices() -> None:
    batch = collate([view("a", kind=MaskKind.LABELS, value=255)]).to_float()
    assert batch.mask.shape == (1, 4, 5)
    assert batch.mask.dtype == torch.int64
    assert batch.mask.unique().tolist() == [255]


def test_to_float_leaves_the_bytes_as_they_were() -> None:
    batch = collate([view("a")])
    batch.to_float()
    assert batch.image.dtype == torch.uint8
    assert batch.image.unique().tolist() == [51]


def test_mixed_mask_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="one mask kind"):
        collate([view("a"), view("b", kind=MaskKind.LABELS)])


def test_mixed_sizes_are_refused_by_id() -> None:
    small = torch.zeros(2, 2, dtype=torch.uint8)
    other = changed(view("b"), mask=small, image=small.expand(3, 2, 2))
    with pytest.raises(ValueError, match="'b'"):
        collate([view("a"), other])
