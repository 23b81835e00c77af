from collections import Counter
from dataclasses import dataclass, replace

import pytest
import torch

from datamodules.sample import MaskKind, Provenance, Sample
from datamodules.synthesis import DrawOther, PairSynthesis, SynthesisError
from generation.edits.diffeomorphism import Diffeomorphism
from generation.edits.warp import Warp
from generation.pair_synthesis import Chain, EditedPairs
from generation.synthesis_choice import SynthesisChoice, WeightedSynthesis


def sample_of(id: str, value: int = 200) -> Sample:
    mask = torch.zeros(40, 48, dtype=torch.uint8)
    mask[10:30, 12:36] = 255
    return Sample(
        id=id,
        image=torch.full((3, 40, 48), value, dtype=torch.uint8),
        mask=mask,
        mask_kind=MaskKind.ALPHA,
        class_names=("object",),
        provenance=Provenance(source="folder"),
    )


def draw_other(seed: int) -> Sample:
    return sample_of("other", 10)


@dataclass
class Named:
    """Writes its name and the seed into the id; fails where it has none."""

    name: str

    def synthesise(self, sample: Sample, seed: int, draw_other: DrawOther) -> Sample:
        if not self.name:
            raise SynthesisError("it cannot")
        return replace(sample, id=f"{sample.id}~{self.name}-{seed}")


class Backdrop:
    """A painter that puts the object before the other photo and mends no seam."""

    def paint(
        self, sample: Sample, edited: Sample, *, warp: Warp, background: Sample | None, seed: int
    ) -> Sample:
        assert background is not None
        image = torch.where(edited.mask > 127, sample.image, background.image)
        return replace(edited, image=image, provenance=Provenance(source="backdrop"))


def choice(**weights: float) -> SynthesisChoice:
    return SynthesisChoice(
        [WeightedSynthesis(synthesis=Named(name), weight=w) for name, w in weights.items()]
    )


def chosen(pairs: PairSynthesis, seed: int) -> str:
    return pairs.synthesise(sample_of("a"), seed, draw_other).id.split("~")[1].split("-")[0]


def test_members_are_chosen_by_weight() -> None:
    counts = Counter(chosen(choice(x=1.0, y=3.0), seed) for seed in range(200))
    assert counts["x"] + counts["y"] == 200
    assert 130 <= counts["y"] <= 170  # 150 expected, 3.3 standard deviations


def test_choice_of_a_seed_never_changes() -> None:
    """Published rows of the ablation were drawn so."""
    assert (
        "".join(chosen(choice(x=2.0, y=1.0, z=0.5), seed) for seed in range(24))
        == "xxzxxxxxxyyyzxxzxxxyxxxx"
    )


def test_choice_depends_on_ratios_of_weights_alone() -> None:
    for seed in range(50):
        assert chosen(choice(x=0.5, y=0.125), seed) == chosen(choice(x=4.0, y=1.0), seed)


def test_only_member_is_always_chosen() -> None:
    assert {chosen(choice(x=0.3), seed) for seed in range(20)} == {"x"}


def test_member_makes_the_pair_that_it_would_make_alone() -> None:
    moved = EditedPairs([Chain(edits=[Diffeomorphism()])])
    on_another = EditedPairs([Chain(edits=[])], painter=Backdrop())
    members = [WeightedSynthesis(synthesis=pairs) for pairs in (moved, on_another)]
    kinds = set()
    for seed in range(6):
        made = SynthesisChoice(members).synthesise(sample_of("a"), seed, draw_other)
        is_painted = made.provenance.source == "backdrop"
        alone = (on_another if is_painted else moved).synthesise(sample_of("a"), seed, draw_other)
        assert made.id == alone.id
        assert torch.equal(made.image, alone.image)
        assert torch.equal(made.mask, alone.mask)
        kinds.add(is_painted)
    assert kinds == {False, True}


def test_member_that_fails_is_not_replaced_by_another_one() -> None:
    members = [WeightedSynthesis(synthesis=Named(name)) for name in ("", "x")]
    outcomes = []
    for seed in range(100):
        try:
            outcomes.append(chosen(SynthesisChoice(members), seed))
        except SynthesisError as error:
            outcomes.append(str(error))
    assert 33 <= outcomes.count("it cannot") <= 67  # 50 expected, 3.3 standard deviations


def test_choice_of_nothing_and_weight_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one member"):
        SynthesisChoice([])
    with pytest.raises(ValueError, match=r"weight 0\.0 must be above 0"):
        choice(x=0.0)
