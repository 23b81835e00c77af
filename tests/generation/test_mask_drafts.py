from pathlib import Path

import pytest
import torch

from datamodules.dis5k import Splits
from datamodules.synthesis import SynthesisError
from generation.draft_sources.masks import MaskDrafts
from generation.edits.diffeomorphism import Diffeomorphism
from generation.filters.topology import KeptTopology
from generation.pair_synthesis import Chain, EditedPairs
from tests.generation.test_draft_sources import Emptied

BENT = EditedPairs([Chain(edits=[Diffeomorphism()])])


def masks(root: Path, **arguments: object) -> MaskDrafts:
    options = {"splits": Splits(test=("DIS-TE1",)), "cache": None, "size": 32, **arguments}
    drafts = MaskDrafts(root, **options)  # type: ignore[arg-type]
    drafts.prepare()
    return drafts


def test_draft_is_the_mask_of_a_training_photo_with_its_class(tiny_set: Path) -> None:
    drafts = masks(tiny_set, per_mask=3, licence="CC0-1.0")
    keys = drafts.keys()
    assert len(keys) == len(set(keys)) == 27
    draft, origin = drafts.draft(keys[2], 5), drafts.origin(keys[2])
    assert torch.equal(draft.mask, origin.mask)
    assert draft.provenance.parents == (origin.id,)
    assert origin.id == keys[2].rpartition("~")[0]
    assert draft.provenance.licence == "CC0-1.0"
    assert draft.provenance.edits == ()
    assert set(drafts.class_names) == {"Disc", "Ball"} >= set(draft.class_names)


def test_share_of_the_drafts_is_edited_as_their_seeds_say(tiny_set: Path) -> None:
    drafts = masks(tiny_set, edits=BENT, edited_share=0.25)
    key = drafts.keys()[0]
    made = [drafts.draft(key, seed) for seed in range(60)]
    edited = [each for each in made if each.provenance.edits]
    assert 6 <= len(edited) <= 26
    assert not torch.equal(edited[0].mask, drafts.origin(key).mask)
    assert edited[0].provenance.parents == (key.rpartition("~")[0],)


def test_lost_topology_of_an_edit_here_is_a_failure(tiny_set: Path) -> None:
    drafts = masks(tiny_set, edits=Emptied(), topology=KeptTopology())
    with pytest.raises(SynthesisError, match="KeptTopology: 0 parts for the source's 1"):
        drafts.draft(drafts.keys()[0], 0)


def test_useless_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="per_mask 0"):
        MaskDrafts(tmp_path, per_mask=0)
    with pytest.raises(ValueError, match=r"edited_share 0.0 in \(0, 1\]"):
        MaskDrafts(tmp_path, edited_share=0.0)
