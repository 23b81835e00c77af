"""What a mixture makes, shown before training."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from callbacks.gallery import PICTURES, Gallery, gallery_json, picture_name, read_gallery
from callbacks.gallery_pictures import LEAST_SIDE, LONG_SIDE, graph_picture, picture_shape
from callbacks.synthesis_gallery import SynthesisGallery, make_gallery, spread, steps_of
from callbacks.thumbnails import decode
from datamodules.batch import collate
from datamodules.folder import find_pairs
from datamodules.mixture import Mixture
from datamodules.mixture_share import Constant
from datamodules.mixture_views import MixtureViews
from datamodules.pairs import Pairs
from datamodules.sample import Provenance, Sample
from datamodules.synthesis import DrawOther, SynthesisError


@dataclass
class Shifted:
    """Moves a pair by its width over 8; one in two takes a corner of another photo."""

    failing: tuple[str, ...] = ()

    def synthesise(self, sample: Sample, seed: int, draw_other: DrawOther) -> Sample:
        if sample.id[-3:] in self.failing:
            raise SynthesisError("it is on the list")
        image = sample.image.roll(sample.mask.shape[1] // 8, 2)
        parents, step = [sample.id], "shift"
        if seed % 2:
            other = draw_other(seed)
            image[:, :4, :4] = other.image[:, :4, :4]
            parents, step = [*parents, other.id], "paste"
        return replace(
            sample,
            id=f"{sample.id}~{step}-00ff",
            image=image,
            mask=sample.mask.roll(sample.mask.shape[1] // 8, 1),
            provenance=Provenance(source=step, parents=tuple(parents)),
        )


def views(tiny_set: Path, synthesis: Shifted, share: float = 0.5) -> MixtureViews:
    pairs = Pairs(find_pairs(tiny_set, "DIS-TR")[0], size=(32, 32))
    return MixtureViews(
        pairs,
        Mixture(share=Constant(share), synthesis=synthesis),
        ready=[],
        held_out=[],
        seed=7,
        batch_size=4,
        num_batches=20,
    )


def made(tiny_set: Path, *failing: str, number: int = 6) -> tuple[Gallery, dict[str, bytes]]:
    return make_gallery(views(tiny_set, Shifted(failing)), number, seconds=60)


def test_gallery_shows_pairs_that_training_draws(tiny_set: Path) -> None:
    mixed = views(tiny_set, Shifted())
    gallery, _ = make_gallery(mixed, 6, seconds=60)
    assert len(gallery.pairs) == 6
    assert gallery.num_tried == 12
    for pair in gallery.pairs:
        assert mixed.is_synthetic(pair.slot)
        assert mixed[pair.slot].sample.id == pair.made
    first = [slot for slot in range(80) if mixed.is_synthetic(slot)][:12]
    assert {pair.slot for pair in gallery.pairs} <= set(first)


def test_pair_is_described_by_its_own_pixels(tiny_set: Path) -> None:
    mixed = views(tiny_set, Shifted())
    gallery, _ = make_gallery(mixed, 6, seconds=60)
    for pair in gallery.pairs:
        done = mixed.synthesised_at(pair.slot)
        assert done.made is not None
        before, after = (x.mask.numpy() > 127 for x in (done.source, done.made))
        assert pair.iou == pytest.approx((before & after).sum() / (before | after).sum())
        assert 0 < pair.iou < 1
        assert pair.components == (1, 1)
        assert pair.holes == (0, 0)
        assert pair.steps == (("paste",) if pair.others else ("shift",))
        assert {pair.source, *pair.others} == set(done.made.provenance.parents)
    assert {bool(pair.others) for pair in gallery.pairs} == {False, True}


def test_every_pair_has_every_picture(tiny_set: Path) -> None:
    _, files = made(tiny_set)
    names = {picture_name(place, picture) for place in range(6) for picture in PICTURES}
    assert set(files) == names
    shapes = {decode(data).shape[:2] for data in files.values()}
    assert len(shapes) == 1  # the photos are of one size
    assert max(shapes.pop()) >= LEAST_SIDE


def test_pairs_that_cannot_be_made_are_named(tiny_set: Path) -> None:
    gallery, _ = made(tiny_set, "000", "003", number=12)
    assert gallery.not_made
    assert {one.source[-3:] for one in gallery.not_made} <= {"000", "003"}
    assert {one.reason for one in gallery.not_made} == {"it is on the list"}
    assert not {pair.source[-3:] for pair in gallery.pairs} & {"000", "003"}
    assert gallery.num_tried == 24


def test_gallery_without_a_good_pair_still_names_the_bad_ones(tiny_set: Path) -> None:
    gallery, files = made(tiny_set, *(f"{number:03d}" for number in range(9)))
    assert gallery.pairs == ()
    assert files == {}
    assert len(gallery.not_made) == 12


def test_time_that_runs_out_is_said(tiny_set: Path) -> None:
    gallery, _ = make_gallery(views(tiny_set, Shifted()), 6, seconds=1e-9)
    assert gallery.num_tried == 1
    assert gallery.out_of_time


def test_share_of_nothing_has_an_empty_gallery(tiny_set: Path) -> None:
    gallery, _ = make_gallery(views(tiny_set, Shifted(), share=0.0), 6, seconds=60)
    assert gallery.num_tried == 0
    assert not gallery.out_of_time


def test_search_for_pairs_does_not_grow_with_the_run(
    tiny_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = []

    def is_made(self: MixtureViews, slot: int) -> bool:
        looked_at.append(slot)
        return False

    monkeypatch.setattr(MixtureViews, "is_made", is_made)
    mixed = views(tiny_set, Shifted())
    mixed.num_batches = 10**9
    gallery, _ = make_gallery(mixed, 1, seconds=60)
    assert gallery.num_tried == 0
    assert looked_at == list(range(2000))
    mixed.num_batches = 20
    looked_at.clear()
    make_gallery(mixed, 1, seconds=60)
    assert looked_at == list(range(80))


@pytest.mark.parametrize(
    ("steps", "others", "caption"),
    [
        (("view",), (), "another view; its own background"),
        (
            ("view", "diffeo", "warp"),
            (),
            "another view, then another shape; the photo's own pixels moved to fit; "
            "its own background",
        ),
        (("warp",), ("b",), "the mask as it was; new background, that of b"),
        (("mirror", "adversarial"), (), "mirror, then a learned edit; its own background"),
        (("mix",), ("b", "c"), "mix; new background, that of b and c"),
    ],
)
def test_caption_says_what_was_done(
    tiny_set: Path, steps: tuple[str, ...], others: tuple[str, ...], caption: str
) -> None:
    pair = made(tiny_set, number=1)[0].pairs[0]
    assert replace(pair, steps=steps, others=others).caption == caption


def test_gallery_changes_nothing_that_training_draws(tiny_set: Path) -> None:
    def batch(mixed: MixtureViews) -> list[Tensor]:
        drawn = collate([mixed[slot] for slot in range(8)])
        return [drawn.image, drawn.mask]

    looked_at, untouched = views(tiny_set, Shifted()), views(tiny_set, Shifted())
    make_gallery(looked_at, 6, seconds=60)
    pixels = zip(batch(looked_at), batch(untouched), strict=True)
    assert all(torch.equal(a, b) for a, b in pixels)


def test_generators_of_random_numbers_are_left_as_they_were(tiny_set: Path) -> None:
    class Unseeded(Shifted):
        def synthesise(self, sample: Sample, seed: int, draw_other: DrawOther) -> Sample:
            torch.rand(3)
            np.random.rand(3)  # the global one is the point
            return super().synthesise(sample, seed, draw_other)

    states = torch.get_rng_state(), np.random.get_state()[2]
    make_gallery(views(tiny_set, Unseeded()), 3, seconds=60)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.random.get_state()[2] == states[1]


def test_what_is_read_is_what_was_written(tiny_set: Path, tmp_path: Path) -> None:
    gallery, _ = made(tiny_set, "003")
    (tmp_path / "gallery.json").write_bytes(gallery_json(gallery))
    assert read_gallery(tmp_path) == gallery


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"pairs": [{"slot": 1}], "not_made": []}'])
def test_file_that_is_no_gallery_is_an_error_with_a_cure(text: str, tmp_path: Path) -> None:
    (tmp_path / "gallery.json").write_text(text)
    with pytest.raises(ValueError, match=r"no gallery of a run .* remove"):
        read_gallery(tmp_path)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 4), max_size=30), st.integers(1, 12))
def test_spread_takes_kinds_in_turn(kinds: list[int], number: int) -> None:
    chosen = spread(list(enumerate(kinds)), kinds, number)
    assert len(chosen) == min(number, len(kinds))
    assert len(set(chosen)) == len(chosen)
    counts = {kind: sum(k == kind for _, k in chosen) for kind in kinds}
    for kind, count in counts.items():  # no kind has two more than one that had some left
        left = kinds.count(kind) - count
        assert not left or max(counts.values()) <= count + 1


@pytest.mark.parametrize(
    ("made", "steps"),
    [
        ("a~b/c~view-0c61", ("view",)),
        ("a~b/c~view-0c61~warp-77f0", ("view", "warp")),
        ("a~b/c~two-part-77f0", ("two-part",)),
        ("a~b/c~plain", ("plain",)),
        ("a~b/c", ()),
    ],
)
def test_steps_stand_behind_the_name_of_the_source(made: str, steps: tuple[str, ...]) -> None:
    assert steps_of("a~b/c", made) == steps


@given(*[st.integers(1, 1500)] * 2, *[st.integers(1, 6000)] * 2)
def test_picture_has_the_proportions_of_the_photo(h: int, w: int, height: int, width: int) -> None:
    shape = picture_shape((h, w), (height, width))
    assert max(shape) <= LONG_SIDE
    expected = max(shape) * np.array([height, width]) / max(height, width)
    assert np.abs(np.maximum(expected, 1) - shape).max() <= 0.51


def test_few_pixels_are_enlarged_by_a_whole_number() -> None:
    assert picture_shape((30, 40), (300, 400)) == (120, 160)
    assert picture_shape((90, 90), (500, 500)) == (180, 180)
    assert picture_shape((160, 160), (800, 800)) == (160, 160)
    assert picture_shape((1280, 1280), (800, 1600)) == (160, 320)


@pytest.mark.parametrize("size", [(1, 1), (7, 33), (160, 160), (500, 300)])
@pytest.mark.parametrize("value", [0, 255])
def test_graph_of_any_mask_is_drawn(size: tuple[int, int], value: int) -> None:
    mask = torch.full(size, value, dtype=torch.uint8)
    picture = graph_picture(mask, (160, 160))
    assert picture.shape == (160, 160, 3)
    assert bool(picture.any()) == bool(value)


def test_points_of_a_graph_lie_on_the_outline() -> None:
    mask = torch.zeros(160, 160, dtype=torch.uint8)
    mask[40:120, 30:130] = 255
    white = (graph_picture(mask, (160, 160)) > 240).all(2)
    y, x = np.nonzero(white)
    outside = np.maximum(np.abs(y - 79.5) - 39.5, np.abs(x - 79.5) - 49.5)
    assert len(y) >= 96
    assert np.abs(outside).max() <= 1.5


@pytest.mark.parametrize(("num_pairs", "seconds"), [(0, 1.0), (3, 0.0)])
def test_gallery_of_nothing_is_refused(num_pairs: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        SynthesisGallery(num_pairs, seconds=seconds)


def test_squeezed_pair_is_drawn_as_wide_as_the_photo(tiny_set: Path) -> None:
    _, files = made(tiny_set)  # photos of 48 x 40, squeezed to 32 x 32
    height, width = decode(files["01_photo.jpg"]).shape[:2]
    assert width / height == pytest.approx(48 / 40, abs=0.01)
