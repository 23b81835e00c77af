from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from torch import nn

from datamodules.generation_result import DraftedShard, Rejected, Seconds
from datamodules.sample import Sample
from datamodules.sample_record import pack
from generation.edits.edit_chains import EditChains, NamedChain
from generation.filters.filter import Judgement, Rejection
from generation.filters.mask_agreement import MaskAgreement
from generation.labelers.detector import Detections
from generation.labelers.labeler import Labels
from lightningmodules.synthesizer import Synthesizer
from networks.adapter import ImageInput
from tests.datamodules.generation_toys import toy_sample, toy_shard

IDS = tuple(f"toy~{k}" for k in range(5))


class Inverter:
    """Remembers the batches that it painted."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def paint(self, drafts: Sequence[Sample], seeds: Sequence[int]) -> list[Sample]:
        self.batches.append(list(seeds))
        return [replace(draft, image=255 - draft.image) for draft in drafts]


class Odd:
    """Rejects ids that end with an odd digit."""

    def __call__(self, sample: Sample) -> Rejection | None:
        return Rejection("Odd", "it is odd") if int(sample.id[-1]) % 2 else None


class Last:
    """Measures the last digit, rejects a 4."""

    def __call__(self, sample: Sample) -> Rejection | None:
        return self.judge(sample).rejection

    def judge(self, sample: Sample) -> Judgement:
        digit = float(sample.id[-1])
        return Judgement(Rejection("Last", "four") if digit == 4 else None, {"digit": digit})


def drafted(*missing: str) -> DraftedShard:
    samples = [toy_sample(id, k) for k, id in enumerate(IDS) if id not in missing]
    return DraftedShard(
        shard=toy_shard(*IDS),
        samples=pack(samples),
        rejected=tuple(Rejected(id, "draft", "it failed") for id in missing),
        seconds=Seconds(cpu=2.0),
    )


def test_drafts_without_painter_and_filter_are_the_pairs() -> None:
    found = Synthesizer().predict_step(drafted(), 0)
    assert [sample.id for sample in found.samples] == list(IDS)
    assert torch.equal(found.samples[3].image, toy_sample(IDS[3], 3).image)
    assert found.rejected == ()
    assert found.seconds["draft"] == Seconds(cpu=2.0)
    assert "paint" not in found.seconds


def test_every_planned_id_is_kept_or_rejected_once_with_the_first_reason() -> None:
    found = Synthesizer(filters=[Odd(), Last()]).predict_step(drafted("toy~2"), 0)
    assert [sample.id for sample in found.samples] == ["toy~0"]
    assert [(each.id, each.filter) for each in found.rejected] == [
        ("toy~1", "Odd"),
        ("toy~2", "draft"),
        ("toy~3", "Odd"),
        ("toy~4", "Last"),
    ]
    assert found.scores["toy~0"] == {"digit": 0.0}


def test_batches_are_fixed_by_the_shard_and_seeded_by_the_plan() -> None:
    painter = Inverter()
    found = Synthesizer(batch_size=2, painter=painter).predict_step(drafted(), 0)
    assert painter.batches == [[0, 1], [2, 3], [4]]
    assert torch.equal(found.samples[4].image, 255 - toy_sample(IDS[4], 4).image)
    assert "paint" in found.seconds


@pytest.mark.parametrize(
    "change",
    [
        lambda painted: painted[:-1],
        lambda painted: painted[::-1],
        lambda painted: [*painted, painted[0]],
        lambda painted: [replace(painted[0], id="other~0"), *painted[1:]],
    ],
)
def test_painter_that_loses_or_renames_pairs_is_refused(
    change: Callable[[list[Sample]], list[Sample]],
) -> None:
    class Careless(Inverter):
        def paint(self, drafts: Sequence[Sample], seeds: Sequence[int]) -> list[Sample]:
            return change(super().paint(drafts, seeds))

    with pytest.raises(ValueError, match="Careless returned pairs"):
        Synthesizer(painter=Careless()).predict_step(drafted(), 0)


def test_drafts_that_cannot_be_painted_are_rejected_with_the_painters_reason() -> None:
    class Picky(Inverter):
        def paint(self, drafts: Sequence[Sample], seeds: Sequence[int]) -> list[Sample | Rejected]:
            return [
                Rejected(pair.id, "Picky", "too long") if pair.id == "toy~1" else pair
                for pair in super().paint(drafts, seeds)
            ]

    found = Synthesizer(painter=Picky(), remover=Inverter()).predict_step(drafted(), 0)
    assert found.rejected == (Rejected("toy~1", "Picky", "too long"),)
    assert [sample.id for sample in found.samples] == ["toy~0", "toy~2", "toy~3", "toy~4"]


def test_shard_of_which_nothing_came_is_all_rejections() -> None:
    found = Synthesizer(painter=Inverter(), filters=[Odd()]).predict_step(drafted(*IDS), 0)
    assert found.samples == ()
    assert [each.id for each in found.rejected] == list(IDS)


def test_network_of_a_filter_moves_with_the_module() -> None:
    judge = MaskAgreement(ImageInput(nn.Conv2d(3, 1, 1)), size=8)
    module = Synthesizer(filters=[judge])
    assert {id(p) for p in module.parameters()} == {id(p) for p in judge.net.parameters()}
    found = module.predict_step(drafted(), 0)
    ids = {sample.id for sample in found.samples} | {each.id for each in found.rejected}
    assert ids == set(IDS)
    assert all("mask_iou" in scores for scores in found.scores.values())


def test_batch_size_must_be_above_zero() -> None:
    with pytest.raises(ValueError, match="batch_size is 0"):
        Synthesizer(batch_size=0)


class Darker:
    """Darkens masks, rejects ids that end with a 2."""

    def edit(self, drafts: Sequence[Sample], seeds: Sequence[int]) -> list[Sample | Rejected]:
        return [
            Rejected(draft.id, "darker", "it is two")
            if draft.id.endswith("2")
            else replace(draft, mask=draft.mask // 2)
            for draft in drafts
        ]


def darkened() -> EditChains:
    return EditChains({"darker": Darker()}, [NamedChain(edits=["darker"])])


def test_masks_are_edited_before_they_are_painted_and_the_rejected_are_not_painted() -> None:
    painter = Inverter()
    found = Synthesizer(edits=darkened(), painter=painter).predict_step(drafted("toy~0"), 0)
    assert painter.batches == [[1, 3, 4]]
    assert [sample.id for sample in found.samples] == ["toy~1", "toy~3", "toy~4"]
    assert torch.equal(found.samples[0].mask, toy_sample(IDS[1], 1).mask // 2)
    assert found.rejected == (
        Rejected("toy~0", "draft", "it failed"),
        Rejected("toy~2", "darker", "it is two"),
    )
    assert list(found.seconds) == ["draft", "edit", "paint", "filter"]


def test_edits_without_painter_are_refused() -> None:
    with pytest.raises(ValueError, match="edits without a painter"):
        Synthesizer(edits=darkened())


class Written:
    """Prompts that note what they were made for."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, class_name: str, seed: int) -> str:
        return class_name

    def prepare(self, class_names: Sequence[str]) -> None:
        self.made += class_names


class Prompted(Inverter, Darker):
    def __init__(self, prompts: object) -> None:
        super().__init__()
        self.prompts = prompts


def test_prompts_of_edits_and_painter_are_made_for_all_classes_beforehand() -> None:
    edited, painted = Written(), Written()
    edits = EditChains(
        {"a": Prompted(edited), "b": Darker()}, [NamedChain(edits=["a"]), NamedChain(edits=["b"])]
    )
    Synthesizer(edits=edits, painter=Prompted(painted)).prepare_classes(["chair", "fan"])
    assert edited.made == painted.made == ["chair", "fan"]


def test_prompts_that_need_no_preparation_are_left_alone() -> None:
    Synthesizer(painter=Prompted(None)).prepare_classes(["chair"])
    Synthesizer(painter=Prompted(lambda name, seed: name)).prepare_classes(["chair"])


class Half(nn.Module):
    """Labels the first class on the upper half of every image but that of seed 2."""

    models = ("half@1",)
    licence = "CC0-1.0"

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def check(self, class_names: Sequence[str]) -> None:
        if "nothing" in class_names:
            raise ValueError("class name 'nothing' cannot be looked for")

    def label(
        self, images: Sequence[torch.Tensor], class_names: Sequence[Sequence[str]]
    ) -> list[Labels]:
        self.sizes.append(len(images))
        unseen = 255 - toy_sample(IDS[2], 2).image
        found = []
        for image in images:
            mask = torch.zeros(image.shape[1:], dtype=torch.uint8)
            mask[: len(mask) // 2] = not torch.equal(image, unseen)
            none = torch.zeros(0)
            boxes = Detections(boxes=none, scores=none, classes=none, best=torch.tensor([0.125]))
            found.append(Labels(mask=mask, weight=255 * mask, detections=boxes))
        return found


def test_what_was_painted_is_labelled_in_batches_before_it_is_judged() -> None:
    labeler = Half()
    module = Synthesizer(batch_size=2, painter=Inverter(), labeler=labeler, filters=[Odd()])
    found = module.predict_step(drafted(), 0)
    assert labeler.sizes == [2, 2, 1]
    assert [sample.id for sample in found.samples] == ["toy~0", "toy~4"]
    assert found.samples[0].class_names == ("background", "toy")
    assert found.samples[0].mask.float().mean() == pytest.approx(0.4)  # 2 of 5 rows
    assert found.rejected[1] == Rejected("toy~2", "Half", "no pixel of toy (best score 0.12)")
    assert list(found.seconds) == ["draft", "paint", "label", "filter"]


class Remover:
    """Leaves of the image what is not labelled."""

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def paint(self, drafts: Sequence[Sample], seeds: Sequence[int]) -> list[Sample]:
        self.seeds += seeds
        return [replace(draft, counterfactual=draft.image * (draft.mask == 0)) for draft in drafts]


def test_counterfactuals_are_painted_from_labels_of_pairs_that_have_some() -> None:
    remover = Remover()
    module = Synthesizer(painter=Inverter(), labeler=Half(), remover=remover, filters=[Odd()])
    found = module.predict_step(drafted(), 0)
    assert remover.seeds == [0, 1, 3, 4]  # the labeler found nothing on the image of seed 2
    for sample in found.samples:
        assert sample.counterfactual is not None
        assert not sample.counterfactual[:, sample.mask > 0].any()
        assert torch.equal(
            sample.counterfactual[:, sample.mask == 0], sample.image[:, sample.mask == 0]
        )
    assert list(found.seconds) == ["draft", "paint", "label", "remove", "filter"]


def test_names_that_cannot_be_looked_for_are_told_before_anything_is_made() -> None:
    module = Synthesizer(labeler=Half())
    module.prepare_classes(["chair", "background"])
    with pytest.raises(ValueError, match="'nothing' cannot be looked for"):
        module.prepare_classes(["chair", "nothing"])
