from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from datamodules.sample import MaskKind, Provenance, Sample
from datamodules.seeds import seed_for
from datamodules.synthesis import SynthesisError
from generation.edits.diffeomorphism import Diffeomorphism
from generation.edits.edit import Edit, edited
from generation.edits.view_change import ViewChange
from generation.edits.warp import Warp
from generation.filters.filter import Rejection
from generation.painters.painter import PaintError
from generation.pair_synthesis import Chain, EditedPairs
from generation.warp_chain import identity

SIZE = (40, 48)


def sample_of(id: str, value: int = 200) -> Sample:
    mask = torch.zeros(SIZE, dtype=torch.uint8)
    mask[10:30, 12:36] = 255
    image = torch.full((3, *SIZE), value, dtype=torch.uint8)
    return Sample(
        id=id,
        image=image,
        mask=mask,
        mask_kind=MaskKind.ALPHA,
        class_names=("object",),
        provenance=Provenance(source="folder", licence="CC0"),
    )


def draw_other(seed: int) -> Sample:
    return sample_of("other", 10)


@dataclass
class Shift:
    """Moves the picture to the right by whole pixels."""

    by: int

    def field(self, sample: Sample, seed: int) -> Warp:
        grid = identity(*SIZE).grid - np.array([self.by, 0], np.float32)
        return Warp(grid=grid, visible=np.ones(SIZE, np.bool_))

    def __call__(self, sample: Sample, seed: int) -> Sample:
        return self.moved(sample, self.field(sample, seed), seed)

    def moved(self, sample: Sample, warp: Warp, seed: int, *, with_photo: bool = True) -> Sample:
        edit = f"shift({self.by})"
        return edited(sample, warp, edit=edit, seed=seed, with_photo=with_photo)


@dataclass
class Erasing:
    """An edit without a map, after which nothing is left."""

    def __call__(self, sample: Sample, seed: int) -> Sample:
        return replace(sample, mask=torch.zeros_like(sample.mask))


@dataclass
class Recording:
    """A painter that keeps what it is asked for and returns the edit."""

    fails: bool = False

    def __post_init__(self) -> None:
        self.calls: list[tuple[Warp, Sample | None, int]] = []

    def paint(
        self, sample: Sample, edited: Sample, *, warp: Warp, background: Sample | None, seed: int
    ) -> Sample:
        if self.fails:
            raise PaintError("no sky")
        self.calls.append((warp, background, seed))
        return edited


def names_of(made: Sample) -> list[str]:
    return [part.partition("-")[0] for part in made.id.split("~")[1:]]


def test_chains_are_chosen_by_weight() -> None:
    pairs = EditedPairs(
        [Chain(edits=[Shift(1)], weight=1.0), Chain(edits=[Shift(1), Shift(2)], weight=3.0)]
    )
    lengths = Counter(
        len(names_of(pairs.synthesise(sample_of("a"), seed, draw_other))) for seed in range(200)
    )
    assert lengths[1] + lengths[2] == 200
    assert 130 <= lengths[2] <= 170  # 150 expected, 3.3 standard deviations


def test_pair_is_a_function_of_sample_and_seed() -> None:
    chain = Chain(edits=[ViewChange(), Diffeomorphism()])
    first, again, third = (
        EditedPairs([chain]).synthesise(sample_of("a"), seed, draw_other) for seed in (5, 5, 6)
    )
    assert first.id == again.id != third.id
    assert torch.equal(first.image, again.image)
    assert torch.equal(first.mask, again.mask)
    assert not torch.equal(first.mask, third.mask)


def test_edits_in_turn_are_each_made_once_with_seeds_of_their_own() -> None:
    made = EditedPairs([Chain(edits=[Shift(3), Shift(3)])]).synthesise(
        sample_of("a"), 9, draw_other
    )
    expected = torch.roll(sample_of("a").mask, 6, dims=1)
    assert torch.equal(made.mask, expected)
    first, second = made.id.split("~")[1:]
    assert first != second


def test_training_pair_is_the_parent_after_several_edits_and_keeps_its_licence() -> None:
    chain = Chain(edits=[Shift(1), Shift(1)])
    made = EditedPairs([chain]).synthesise(sample_of("DIS-TR/a"), 0, draw_other)
    assert made.provenance.parents == ("DIS-TR/a",)
    assert made.provenance.licence == "CC0"


def test_edit_that_leaves_nothing_of_the_object_is_a_synthesis_error() -> None:
    pairs = EditedPairs([Chain(edits=[Erasing()])])
    with pytest.raises(SynthesisError, match="nothing of the object"):
        pairs.synthesise(sample_of("a"), 0, draw_other)
    shifted_out = EditedPairs([Chain(edits=[Shift(-40), Shift(1)])], painter=Recording())
    with pytest.raises(SynthesisError, match="nothing of the object"):
        shifted_out.synthesise(sample_of("a"), 0, draw_other)


def test_painter_that_gives_up_is_a_synthesis_error_with_its_reason() -> None:
    pairs = EditedPairs([Chain(edits=[Shift(1)])], painter=Recording(fails=True))
    with pytest.raises(SynthesisError, match="no sky"):
        pairs.synthesise(sample_of("a"), 0, draw_other)


def test_pair_that_a_filter_rejects_is_a_synthesis_error_with_the_filters_reason() -> None:
    def only_small(sample: Sample) -> Rejection | None:
        area = int((sample.mask > 127).sum())
        return Rejection(filter="size", reason=f"{area} above 100") if area > 100 else None

    def nothing(sample: Sample) -> Rejection | None:
        return None

    chain = Chain(edits=[Shift(1)])
    EditedPairs([chain], filters=[nothing]).synthesise(sample_of("a"), 0, draw_other)
    with pytest.raises(SynthesisError, match=r"size: 480 above 100"):
        EditedPairs([chain], filters=[nothing, only_small]).synthesise(
            sample_of("a"), 0, draw_other
        )


def test_painter_gets_one_warp_for_edits_in_turn() -> None:
    painter = Recording()
    pairs = EditedPairs([Chain(edits=[Shift(3), Shift(4)])], painter=painter)
    made = pairs.synthesise(sample_of("a"), 0, draw_other)
    ((warp, background, _),) = painter.calls
    assert background is None
    inside = warp.grid[:, 4:]  # left of it the first shift goes on with its outermost values
    assert inside == pytest.approx(Shift(7).field(made, 0).grid[:, 4:])


def test_painted_pair_asks_each_edit_for_its_map_once() -> None:
    class Counted(Shift):
        asked = 0

        def field(self, sample: Sample, seed: int) -> Warp:
            self.asked += 1
            return super().field(sample, seed)

    edits = [Counted(1), Counted(2)]
    EditedPairs([Chain(edits=edits)], painter=Recording()).synthesise(sample_of("a"), 0, draw_other)
    assert [edit.asked for edit in edits] == [1, 1]


def test_share_of_pairs_takes_another_background_and_names_it_as_a_parent() -> None:
    painter = Recording()
    pairs = EditedPairs([Chain(edits=[Shift(1)])], painter=painter, new_background=0.25)
    made = [pairs.synthesise(sample_of("a"), seed, draw_other) for seed in range(200)]
    parents = Counter(sample.provenance.parents for sample in made)
    assert set(parents) == {("a",), ("a", "other")}
    assert 30 <= parents["a", "other"] <= 70  # 50 expected, 3.3 standard deviations
    with_background = [call[1] is not None for call in painter.calls]
    assert with_background == [len(sample.provenance.parents) == 2 for sample in made]


def test_chain_without_edits_always_takes_another_background() -> None:
    painter = Recording()
    pairs = EditedPairs([Chain(edits=[])], painter=painter)
    made = pairs.synthesise(sample_of("a"), 0, draw_other)
    ((warp, background, _),) = painter.calls
    assert background is not None
    assert np.array_equal(warp.grid, identity(*SIZE).grid)
    assert torch.equal(made.mask, sample_of("a").mask)


def test_choices_of_one_seed_are_independent() -> None:
    """Chain, background and edits must not be drawn from one number."""
    painter = Recording()
    chains = [Chain(edits=[Shift(1)]), Chain(edits=[Shift(2)])]
    pairs = EditedPairs(chains, painter=painter, new_background=0.5)
    made = [pairs.synthesise(sample_of("a"), seed_for(0, k), draw_other) for k in range(400)]
    kinds = Counter(
        (torch.equal(m.mask, torch.roll(sample_of("a").mask, 1, 1)), len(m.provenance.parents))
        for m in made
    )
    assert min(kinds.values()) > 65  # 100 expected of each of four, 4 standard deviations
    assert len(kinds) == 4


@pytest.mark.parametrize(
    ("chains", "settings", "message"),
    [
        ([], {}, "at least one chain"),
        ([[Shift(1)]], {"new_background": 1.5}, "new_background 1.5"),
        ([[Shift(1)]], {"new_background": 0.5}, "needs a painter"),
        ([[]], {}, "needs a painter"),
        ([[Erasing()]], {"painter": Recording()}, "Erasing has no map"),
    ],
)
def test_settings_that_cannot_work_are_errors(
    chains: list[list[Edit]], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        EditedPairs([Chain(edits=edits) for edits in chains], **settings)  # type: ignore[arg-type]


def test_weight_of_a_chain_must_be_above_zero() -> None:
    with pytest.raises(ValueError, match="weight 0"):
        Chain(edits=[Shift(1)], weight=0)
