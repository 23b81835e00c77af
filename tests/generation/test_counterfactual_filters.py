from dataclasses import replace

import pytest
import torch

from datamodules.sample import MaskKind, Sample
from generation.filters.absence import Absence
from generation.filters.alignment import Alignment
from tests.datamodules.generation_toys import toy_sample
from tests.generation.toy_labelers import BrightBoxes


def pair(*, counterfactual: int, mask: int = 1, box: int = 0) -> Sample:
    """A black image with an object in the first two columns and one grey counterfactual."""
    plane = torch.zeros(3, 4, 6, dtype=torch.uint8)
    labels = torch.zeros(4, 6, dtype=torch.uint8)
    labels[:, :2] = mask
    other = torch.full_like(plane, counterfactual)
    other[0, :2, :2] = box or counterfactual
    return replace(
        toy_sample(size=(4, 6), whole=True),
        image=plane,
        mask=labels,
        weight=None,
        class_names=("background", "chair", "table"),
        counterfactual=other,
    )


def test_alignment_is_the_mean_difference_outside_the_object() -> None:
    sample = pair(counterfactual=0)
    assert sample.counterfactual is not None
    other = sample.counterfactual.clone()
    other[:, :, :2] = 200  # the object may differ
    other[1, 0, 2] = 96  # one value of 3 x 4 x 4
    judgement = Alignment().judge(replace(sample, counterfactual=other))
    assert judgement.rejection is None
    assert judgement.scores == {"alignment": pytest.approx(2.0)}


def test_pair_that_differs_more_is_rejected_with_both_numbers() -> None:
    rejection = Alignment(max_difference=6)(pair(counterfactual=7))
    assert rejection is not None
    assert rejection.filter == "Alignment"
    assert rejection.reason == "difference 7.0 outside the object is above 6"
    assert Alignment(max_difference=7)(pair(counterfactual=7)) is None


def test_soft_edge_is_no_part_of_the_outside() -> None:
    sample = replace(pair(counterfactual=0, mask=1), mask_kind=MaskKind.ALPHA)
    assert sample.counterfactual is not None
    other = sample.counterfactual.clone()
    other[:, :, :2] = 255
    found = Alignment().judge(replace(sample, counterfactual=other))
    assert found.scores == {"alignment": 0.0}


def test_pair_of_object_alone_has_no_alignment() -> None:
    sample = pair(counterfactual=0)
    found = Alignment().judge(replace(sample, mask=torch.ones_like(sample.mask)))
    assert found.rejection is not None
    assert found.rejection.reason == "no pixel is outside the object"
    assert found.scores == {}


def test_object_that_is_still_found_is_rejected_by_name() -> None:
    found = Absence(BrightBoxes()).judge(pair(counterfactual=0, box=25))
    assert found.rejection is not None
    assert found.rejection.reason == (
        "table is still found in the counterfactual: absence 0.500 is below 0.7"
    )
    assert found.scores == {"absence": pytest.approx(0.5)}


def test_object_that_is_gone_or_hardly_found_is_kept() -> None:
    judge = Absence(BrightBoxes())
    assert judge.judge(pair(counterfactual=0)).scores == {"absence": 1.0}
    faint = judge.judge(pair(counterfactual=0, box=12))
    assert faint.rejection is None
    assert faint.scores == {"absence": pytest.approx(0.8)}
    assert Absence(BrightBoxes(), min_absence=0)(pair(counterfactual=0, box=19)) is None


def test_pair_without_counterfactual_is_an_error_with_the_cure() -> None:
    sample = replace(pair(counterfactual=0), counterfactual=None)
    for judge in (Alignment(), Absence(BrightBoxes())):
        with pytest.raises(ValueError, match="has no counterfactual: leave"):
            judge.judge(sample)


def test_limits_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="max_difference is 256"):
        Alignment(256)
    with pytest.raises(ValueError, match="min_absence is 2"):
        Absence(BrightBoxes(), min_absence=2)
