from dataclasses import replace

import pytest
import torch

from datamodules.draft_source import DraftSource, OfClasses
from datamodules.sample import MaskKind
from datamodules.synthesis import SynthesisError
from generation.draft_sources.procedural_labels import ProceduralLabels, only_visible
from generation.procedural import ProceduralScenes

SCENES = ProceduralScenes(size=48, classes=["bed", "table", "bench"])


def source(number: int = 12, crowded_share: float = 0.5) -> ProceduralLabels:
    return ProceduralLabels(SCENES, number, crowded_share=crowded_share)


def test_source_is_one_of_the_family_and_can_name_its_classes() -> None:
    made: DraftSource = source()
    assert isinstance(made, OfClasses)
    assert made.class_names == ["bed", "bench", "table"]


def test_crowds_have_two_classes_and_the_others_one() -> None:
    keys = source().keys()
    assert len(set(keys)) == 12
    crowd = next(key for key in keys if key.startswith("crowd"))
    single = next(key for key in keys if not key.startswith("crowd"))
    assert len(source().draft(crowd, seed=1).class_names) == 3
    assert len(source().draft(single, seed=1).class_names) == 2


def test_share_decides_how_many_crowds_there_are() -> None:
    for share in (0.0, 0.3, 1.0):
        keys = source(400, share).keys()
        assert sum(key.startswith("crowd") for key in keys) / 400 == pytest.approx(share, abs=0.06)


def test_draft_is_a_function_of_key_and_seed_with_exact_labels_and_counterfactual() -> None:
    key = source().keys()[0]
    one, again, other = (source().draft(key, seed) for seed in (5, 5, 6))
    assert torch.equal(one.image, again.image)
    assert not torch.equal(one.image, other.image)
    assert one.mask_kind is MaskKind.LABELS
    assert one.counterfactual is not None
    assert one.mask.unique().tolist() == list(range(len(one.class_names)))
    is_object = one.mask > 0
    difference = (one.image.int() - one.counterfactual.int()).abs().amax(0)
    assert (difference[is_object] > 0).float().mean() > 0.9
    assert (difference[~is_object] == 0).float().mean() > 0.5


def test_label_without_a_pixel_is_dropped_and_the_others_close_up() -> None:
    sample = source().draft(source().keys()[0], seed=1)
    mask = torch.zeros(48, 48, dtype=torch.uint8)
    mask[0], mask[1] = 3, 255
    found = only_visible(replace(sample, mask=mask, class_names=("background", "a", "b", "c")))
    assert found.class_names == ("background", "c")
    assert found.mask.unique().tolist() == [0, 1, 255]


def test_scene_without_an_object_is_rejected() -> None:
    sample = source().draft(source().keys()[0], seed=1)
    with pytest.raises(SynthesisError, match="no pixel"):
        only_visible(replace(sample, mask=torch.zeros_like(sample.mask)))


@pytest.mark.parametrize(("number", "share"), [(0, 0.5), (1, -0.1), (1, 1.1)])
def test_numbers_out_of_range_are_refused(number: int, share: float) -> None:
    with pytest.raises(ValueError, match="number of scenes"):
        source(number, share)


def test_two_classes_of_one_are_refused() -> None:
    with pytest.raises(ValueError, match="there is only bed"):
        ProceduralLabels(ProceduralScenes(size=32, classes=["bed"]), 1)
