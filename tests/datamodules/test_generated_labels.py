from dataclasses import replace
from pathlib import Path

import albumentations
import pytest
import torch

from datamodules.generated_labels import GeneratedLabels, LabelledPairs, labelled
from datamodules.problems import DatasetError
from datamodules.sample import MaskKind, Sample
from tests.datamodules.generated_sets import toy_set
from tests.datamodules.generation_toys import toy_sample


def with_labels(sample: Sample) -> Sample:
    return replace(
        sample,
        mask=sample.mask % 3,
        mask_kind=MaskKind.LABELS,
        class_names=("background", "chair", "table"),
        counterfactual=sample.image.flip(2),
    )


def views_of(data: GeneratedLabels) -> LabelledPairs:
    data.setup("fit")
    views = data.train_dataloader().dataset
    assert isinstance(views, LabelledPairs)
    return views


def test_half_covered_pixels_are_of_the_object_and_doubted() -> None:
    sample = replace(
        toy_sample(size=(1, 5)), mask=torch.tensor([[0, 64, 127, 128, 255]], dtype=torch.uint8)
    )
    of_labels = labelled(sample)
    assert of_labels.mask_kind is MaskKind.LABELS
    assert of_labels.class_names == ("background", "toy")
    assert of_labels.mask.tolist() == [[0, 0, 0, 1, 1]]
    assert of_labels.weight is not None
    assert of_labels.weight.tolist() == [[255, 127, 1, 1, 255]]


def test_doubt_of_a_soft_mask_joins_its_own_weight() -> None:
    weight = torch.tensor([[0, 51]], dtype=torch.uint8)
    sample = replace(
        toy_sample(size=(1, 2)), mask=torch.tensor([[255, 255]], dtype=torch.uint8), weight=weight
    )
    assert torch.equal(labelled(sample).weight, weight)  # type: ignore[arg-type]


def test_label_maps_stay_as_they_are() -> None:
    sample = with_labels(toy_sample())
    assert labelled(sample) is sample


def test_views_have_one_size_and_their_own_labels(tmp_path: Path) -> None:
    toy_set(tmp_path, 6, made=with_labels)
    view = views_of(GeneratedLabels([tmp_path], size=(16, 24), batch_size=2))[0]
    assert view.sample.mask.shape == (16, 24)
    assert set(view.sample.mask.unique().tolist()) <= {0, 1, 2}
    assert view.sample.counterfactual is not None
    assert view.sample.counterfactual.shape == (3, 16, 24)


def test_image_and_counterfactual_move_together(tmp_path: Path) -> None:
    toy_set(tmp_path, 6, made=lambda s: replace(with_labels(s), counterfactual=s.image))
    data = GeneratedLabels(
        [tmp_path], size=8, batch_size=2, transforms=[albumentations.HorizontalFlip(p=0.5)]
    )
    views = views_of(data)
    samples = [views[slot].sample for slot in range(20)]
    assert all(torch.equal(s.image, s.counterfactual) for s in samples)  # type: ignore[arg-type]
    once, again = views[3].sample, views[3].sample
    assert torch.equal(once.image, again.image)


def test_rejected_pairs_are_left_out_and_sets_joined(tmp_path: Path) -> None:
    first = toy_set(tmp_path / "a", 6, name="a", made=with_labels)
    second = toy_set(tmp_path / "b", 3, name="b", made=with_labels)
    (tmp_path / "a" / "rejected.txt").write_text(f"{first[0]}\tby hand\n")
    views = views_of(GeneratedLabels([tmp_path / "a", tmp_path / "b"], size=8, batch_size=2))
    assert {pair.id for _, pair in views.pairs} == {*first[1:], *second}


def test_validated_pairs_are_never_trained_on(tmp_path: Path) -> None:
    ids = toy_set(tmp_path, 9, made=with_labels)
    data = GeneratedLabels([tmp_path], size=8, batch_size=2, val_share=0.25)
    trained = {pair.id for _, pair in views_of(data).pairs}
    loader = data.val_dataloader()
    assert not isinstance(loader, list)
    validated = {id for batch in loader for id in batch.id}
    assert len(validated) == round(0.25 * len(ids))
    assert trained | validated == set(ids)
    assert not trained & validated


def test_no_share_leaves_nothing_to_validate(tmp_path: Path) -> None:
    toy_set(tmp_path, 4, made=with_labels)
    data = GeneratedLabels([tmp_path], size=8, batch_size=2)
    data.setup("fit")
    assert data.val_dataloader() == []


def test_a_set_without_pairs_is_named(tmp_path: Path) -> None:
    ids = toy_set(tmp_path, 3, made=with_labels)
    (tmp_path / "rejected.txt").write_text("".join(f"{id}\tby hand\n" for id in ids))
    with pytest.raises(DatasetError, match=r"0 published pairs in .* not enough to train on"):
        GeneratedLabels([tmp_path], size=8, batch_size=2).setup("fit")


def test_a_share_of_all_is_refused() -> None:
    with pytest.raises(ValueError, match=r"val_share 1.0 must be at least 0 and below 1"):
        GeneratedLabels([], val_share=1.0)


def test_names_and_missing_counterfactuals_are_told_without_reading_an_image(
    tmp_path: Path,
) -> None:
    ids = toy_set(tmp_path / "a", 6, made=with_labels)
    alone = toy_set(tmp_path / "b", 2, name="alone")  # one object's soft mask
    for tar in tmp_path.glob("*/shards/*/pairs.tar"):
        tar.unlink()
    data = GeneratedLabels([tmp_path / "a", tmp_path / "b"], size=8)
    data.setup("fit")
    first, second = data.label_names()
    assert first.where == f"sample {ids[0]!r} of {tmp_path / 'a'}"
    assert first.class_names == ("background", "chair", "table")
    assert not first.lacks_counterfactual
    assert second.where == f"sample {alone[0]!r} of {tmp_path / 'b'}"
    assert second.class_names == ("background", "toy")
    assert second.lacks_counterfactual


def test_pairs_that_are_validated_on_need_no_counterfactual(tmp_path: Path) -> None:
    toy_set(tmp_path, 6)
    data = GeneratedLabels([tmp_path], size=8, val_share=0.5)
    data.setup("fit")
    assert sorted(each.lacks_counterfactual for each in data.label_names()) == [False, True]
