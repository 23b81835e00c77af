from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from datamodules.generation_result import Rejected
from datamodules.sample import Sample
from generation.edits.edit_chains import EditChains, NamedChain
from generation.filters.topology import KeptTopology
from tests.datamodules.generation_toys import toy_sample


class Noted(nn.Module):
    """Notes its batches and its name; rejects the ids it is told."""

    def __init__(self, name: str, rejected: Sequence[str] = ()) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.name = name
        self.rejected = rejected
        self.batches: list[list[str]] = []
        self.seeds: list[int] = []

    def edit(self, drafts: Sequence[Sample], seeds: Sequence[int]) -> list[Sample | Rejected]:
        self.batches.append([draft.id for draft in drafts])
        self.seeds += seeds
        return [
            Rejected(draft.id, self.name, "as told")
            if draft.id in self.rejected
            else self.on(draft)
            for draft in drafts
        ]

    def on(self, draft: Sample) -> Sample:
        provenance = draft.provenance
        return replace(draft, provenance=replace(provenance, edits=(*provenance.edits, self.name)))


class Filled(Noted):
    def on(self, draft: Sample) -> Sample:
        return replace(draft, mask=torch.full_like(draft.mask, 255))


def chain(*edits: str, weight: float = 1.0, topology: KeptTopology | None = None) -> NamedChain:
    return NamedChain(edits=edits, weight=weight, topology=topology)


def drafts(number: int) -> list[Sample]:
    return [toy_sample(f"d{k}", seed=k) for k in range(number)]


def edits_of(results: Sequence[Sample | Rejected]) -> list[tuple[str, ...]]:
    return [each.provenance.edits for each in results if isinstance(each, Sample)]


def test_edits_of_a_chain_are_made_in_turn_with_seeds_of_their_own() -> None:
    first, second = Noted("first"), Noted("second")
    stage = EditChains({"a": first, "b": second}, [chain("a", "b")])
    assert edits_of(stage.edit(drafts(3))) == [("first", "second")] * 3
    assert len({*first.seeds, *second.seeds}) == 6


def test_batches_of_a_chain_follow_from_the_shard() -> None:
    edit = Noted("a")
    EditChains({"a": edit}, [chain("a")], batch_size=2).edit(drafts(5))
    assert edit.batches == [["d0", "d1"], ["d2", "d3"], ["d4"]]


def test_chain_follows_from_the_seed_by_weight_alone() -> None:
    stage = EditChains(
        {"a": Noted("a"), "b": Noted("b")}, [chain(weight=2.0), chain("a"), chain("b")]
    )
    found = stage.edit(drafts(400))
    counts = Counter(edits_of(found))
    assert counts[()] == pytest.approx(200, abs=40)
    assert counts["a",] == pytest.approx(100, abs=35)
    # whatever else is in the shard, and in another order
    again = stage.edit(drafts(400)[::-2])
    assert edits_of(again) == edits_of(found)[::-2]


def test_rejected_draft_keeps_its_reason_and_is_edited_no_more() -> None:
    last = Noted("b")
    stage = EditChains({"a": Noted("a", ["d1"]), "b": last}, [chain("a", "b")])
    found = stage.edit(drafts(3))
    assert found[1] == Rejected("d1", "a", "as told")
    assert last.batches == [["d0", "d2"]]


def ring() -> Tensor:
    mask = torch.zeros(9, 9, dtype=torch.uint8)
    mask[1:8, 1:8] = 255
    mask[3:6, 3:6] = 0
    return mask


def test_lost_hole_is_a_rejection_before_anything_is_painted() -> None:
    draft = replace(toy_sample("d", size=(9, 9)), mask=ring())
    strict = chain("fill", topology=KeptTopology())
    (found,) = EditChains({"fill": Filled("fill")}, [strict]).edit([draft])
    assert found == Rejected("d", "KeptTopology", "0 holes for the source's 1, off by more than 0")
    (kept,) = EditChains({"fill": Filled("fill")}, [chain("fill")]).edit([draft])
    assert isinstance(kept, Sample)


def test_networks_move_with_whoever_holds_the_stage() -> None:
    edit = Noted("a")
    stage = EditChains({"a": edit}, [chain("a"), chain("a", "a")])
    assert list(stage.parameters()) == [edit.weight]


def test_edit_that_loses_drafts_is_refused() -> None:
    class Careless(Noted):
        def edit(self, drafts: Sequence[Sample], seeds: Sequence[int]) -> list[Sample | Rejected]:
            return super().edit(drafts, seeds)[1:]

    with pytest.raises(ValueError, match=r"edit 'a' returned \['d1'\] for drafts"):
        EditChains({"a": Careless("a")}, [chain("a")]).edit(drafts(2))


def test_useless_chains_are_refused() -> None:
    edit = Noted("a")
    with pytest.raises(ValueError, match="weight 0"):
        chain("a", weight=0)
    with pytest.raises(ValueError, match="at least one chain"):
        EditChains({"a": edit}, [])
    with pytest.raises(ValueError, match=r"names \['b'\]: choose from \['a'\]"):
        EditChains({"a": edit}, [chain("b")])
    with pytest.raises(ValueError, match=r"\['c'\] are in no chain"):
        EditChains({"a": edit, "c": edit}, [chain("a")])
    with pytest.raises(ValueError, match="batch_size of edits is 0"):
        EditChains({"a": edit}, [chain("a")], batch_size=0)
