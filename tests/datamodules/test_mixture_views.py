"""What stands at the slots of a mixture."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import albumentations
import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from datamodules.batch import Batch, collate
from datamodules.dis5k import DIS5K, Splits
from datamodules.draws import SlotViews
from datamodules.folder import find_pairs
from datamodules.mixture import Mixture
from datamodules.mixture_ready import ReadyPairs
from datamodules.mixture_share import Constant, Linear, Share
from datamodules.mixture_views import ATTEMPTS, MixtureViews
from datamodules.mixture_weighting import Weighting
from datamodules.pairs import Pairs
from datamodules.problems import DatasetError
from datamodules.sample import Provenance, Sample, View
from datamodules.seeds import generator_for
from datamodules.synthesis import DrawOther, SynthesisError
from datamodules.transforms import JointTransform

SEED, BATCH = 7, 4


@dataclass
class Negative:
    """Inverts the photo, with a corner in the colour of another photo and noise of the seed."""

    def synthesise(self, sample: Sample, seed: int, draw_other: DrawOther) -> Sample:
        other = draw_other(seed)
        image = 255 - sample.image
        image[:, :4, :4] = other.image[:, :4, :4]
        noise = torch.randint(0, 9, (4, 4), generator=generator_for(seed), dtype=torch.uint8)
        image[:, -4:, -4:] = noise
        provenance = Provenance(source="negative", parents=(sample.id, other.id))
        return replace(sample, id=f"{sample.id}~negative", image=image, provenance=provenance)


@dataclass
class Failing:
    """Fails for some ids, or at the first of so many attempts."""

    ids: tuple[str, ...] = ()
    first: int = 0
    calls: int = 0

    def synthesise(self, sample: Sample, seed: int, draw_other: DrawOther) -> Sample:
        self.calls += 1
        if sample.id in self.ids or self.calls <= self.first:
            raise SynthesisError(f"attempt {self.calls}")
        return Negative().synthesise(sample, seed, draw_other)


@dataclass
class Changing:
    """Returns the sample after a change."""

    change: Callable[[Sample], Sample]

    def synthesise(self, sample: Sample, seed: int, draw_other: DrawOther) -> Sample:
        return self.change(sample)


@pytest.fixture
def pairs(tiny_set: Path) -> Pairs:
    flip = JointTransform([albumentations.HorizontalFlip(p=0.5)])
    return Pairs(find_pairs(tiny_set, "DIS-TR")[0], size=(32, 32), transform=flip)


def views(
    pairs: Pairs,
    synthesis: object = Negative(),
    share: Share = Constant(1.0),  # noqa: B008
    num_batches: int | None = None,
    **recipe: object,
) -> MixtureViews:
    return MixtureViews(
        pairs,
        Mixture(share=share, synthesis=synthesis, **recipe),  # type: ignore[arg-type]
        ready=[],
        held_out=["DIS-VD/x"],
        seed=SEED,
        batch_size=BATCH,
        num_batches=num_batches,
    )


def pixels(view: View) -> tuple[Tensor, Tensor]:
    return view.sample.image, view.sample.mask


def same(first: View, second: View) -> bool:
    return all(torch.equal(a, b) for a, b in zip(pixels(first), pixels(second), strict=True))


def test_slot_is_a_function_of_seed_and_slot_alone(pairs: Pairs) -> None:
    once, again = views(pairs, share=Constant(0.5)), views(pairs, share=Constant(0.5))
    slots = list(range(40))
    there = {slot: once[slot] for slot in slots}
    back = {slot: again[slot] for slot in reversed(slots)}
    assert all(there[slot].sample.id == back[slot].sample.id for slot in slots)
    assert all(same(there[slot], back[slot]) for slot in slots)


def test_real_slots_hold_what_they_hold_without_a_mixture(pairs: Pairs) -> None:
    mixed, real = views(pairs, share=Constant(0.5)), SlotViews(pairs, SEED)
    synthetic = [slot for slot in range(40) if mixed[slot].is_synthetic]
    assert 10 < len(synthetic) < 30
    for slot in range(40):
        if slot not in synthetic:
            assert mixed[slot].sample.id == real[slot].sample.id
            assert same(mixed[slot], real[slot])
        else:
            assert mixed[slot].sample.id == f"{real[slot].sample.id}~negative"


def test_synthetic_pair_has_the_augmentation_of_the_real_one_in_its_slot(pairs: Pairs) -> None:
    made, real = views(pairs), SlotViews(pairs, SEED)
    for slot in range(9):
        mask, expected = made[slot].sample.mask.float(), real[slot].sample.mask.float()
        # it was made at the working size and resized once more
        assert (mask - expected).abs().mean() < (mask - expected.flip(1)).abs().mean() / 4


def test_share_follows_the_batches_of_the_run(pairs: Pairs) -> None:
    mixed = views(pairs, share=Linear(0.0, 1.0), num_batches=11, real_only=0.0)
    shares = [mixed.share_at(slot) for slot in (0, BATCH - 1, BATCH, 5 * BATCH, 10 * BATCH + 3)]
    assert shares == pytest.approx([0.0, 0.0, 0.1, 0.5, 1.0])


@dataclass
class Length:
    """What the length of a run is read from."""

    max_steps: int
    accumulate_grad_batches: int
    limit_train_batches: int | float = 1.0


@pytest.mark.parametrize("accumulated", [1, 2, 3, 5])
@pytest.mark.parametrize(("limit", "per_epoch"), [(1.0, 4), (0.8, 3), (0.49, 1), (1, 1), (9, 4)])
def test_length_counts_the_batches_that_the_steps_take(
    tiny_set: Path, accumulated: int, limit: float, per_epoch: int
) -> None:
    data = DIS5K(tiny_set, size=32, batch_size=BATCH, cache=None)
    data.trainer = Length(7, accumulated, limit)  # type: ignore[assignment]
    taken, steps, in_epoch = 0, 0, 0
    while steps < 7:  # Lightning steps after every so many batches, and at the end of an epoch
        taken, in_epoch = taken + 1, in_epoch + 1
        if in_epoch % accumulated == 0 or in_epoch == per_epoch:
            steps += 1
        in_epoch %= per_epoch
    assert data.num_training_batches(17) == taken


@pytest.mark.slow  # a fit of four epochs
def test_length_is_the_number_of_batches_that_lightning_trains_on(tiny_set: Path) -> None:
    class Seen(Callback):
        batches = 0

        def on_train_batch_end(self, *_: object) -> None:
            self.batches += 1

    class Net(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch.nn.Conv2d(3, 1, 1)

        def training_step(self, batch: Batch) -> Tensor:
            return self.net(batch.image).square().mean()

        def validation_step(self, batch: Batch) -> None:
            raise AssertionError("there are no batches of validation")

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.net.parameters(), lr=0.1)

    seen = Seen()
    trainer = Trainer(
        max_steps=7,
        limit_train_batches=0.8,  # 3 of 4
        accumulate_grad_batches=2,
        limit_val_batches=0,
        accelerator="cpu",
        logger=False,
        callbacks=[seen],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    data = DIS5K(tiny_set, size=16, batch_size=2, cache=None, num_workers=0)
    trainer.fit(Net(), data)
    assert data.num_training_batches(9) == seen.batches == 3 * 3 + 2


def test_no_batches_are_no_length(tiny_set: Path) -> None:
    data = DIS5K(tiny_set, size=32, batch_size=BATCH, cache=None)
    data.trainer = Length(7, 2, 0)  # type: ignore[assignment]
    assert data.num_training_batches(17) == 0


def test_run_without_steps_has_no_length(tiny_set: Path) -> None:
    data = DIS5K(tiny_set, size=32, batch_size=BATCH, cache=None)
    assert data.num_training_batches(17) is None
    data.trainer = Length(max_steps=-1, accumulate_grad_batches=1)  # type: ignore[assignment]
    assert data.num_training_batches(17) is None


def test_last_batches_are_real_only(pairs: Pairs) -> None:
    mixed = views(pairs, num_batches=10, real_only=0.3)
    kinds = [any(mixed.is_synthetic(BATCH * b + k) for k in range(BATCH)) for b in range(10)]
    assert kinds == [True] * 7 + [False] * 3


def test_changing_share_without_a_length_is_an_error_that_names_max_steps(pairs: Pairs) -> None:
    with pytest.raises(ValueError, match=r"trainer\.max_steps"):
        views(pairs, share=Linear(0.0, 1.0))


def test_sample_that_fails_three_times_leaves_its_slot_to_the_real_pair(pairs: Pairs) -> None:
    real = SlotViews(pairs, SEED)
    bad = real[0].sample.id
    failing = Failing(ids=(bad,))
    view = views(pairs, failing)[0]
    assert failing.calls == ATTEMPTS == 3
    assert view.failure == "attempt 1; attempt 2; attempt 3"
    assert not view.is_synthetic
    assert view.sample.id == bad
    assert same(view, real[0])


def test_sample_that_fails_twice_is_made_at_the_third_attempt(pairs: Pairs) -> None:
    view = views(pairs, Failing(first=2))[0]
    assert view.is_synthetic
    assert view.failure == ""


def test_attempts_have_different_seeds(pairs: Pairs) -> None:
    assert not same(views(pairs, Failing(first=1))[0], views(pairs, Failing())[0])


def test_mask_that_became_empty_is_a_failure(pairs: Pairs) -> None:
    empty = Changing(
        lambda s: replace(
            s,
            mask=torch.full_like(s.mask, 127),
            provenance=Provenance(source="", parents=(s.id,)),
        )
    )
    assert views(pairs, empty)[0].failure == "the mask became empty"


def test_error_in_the_generator_is_not_swallowed(pairs: Pairs) -> None:
    def bug(sample: Sample) -> Sample:
        raise TypeError("a bug")

    with pytest.raises(TypeError, match="a bug"):
        views(pairs, Changing(bug))[0]


@pytest.mark.parametrize("parents", [(), ("DIS-VD/x",), ("DIS-TR/elsewhere",)])
def test_pair_made_of_anything_but_training_pairs_is_refused(
    pairs: Pairs, parents: tuple[str, ...]
) -> None:
    stranger = Changing(lambda s: replace(s, provenance=Provenance(source="", parents=parents)))
    with pytest.raises(DatasetError, match="only training pairs"):
        views(pairs, stranger)[0]


def test_held_out_ids_are_refused_before_anything_is_made(tiny_set: Path) -> None:
    same_folder = Splits(train="DIS-TR", val="DIS-TR", test=("DIS-TE1",))
    mixture = Mixture(share=Constant(0.5), synthesis=Negative())
    data = DIS5K(tiny_set, size=32, batch_size=2, cache=None, splits=same_folder, mixture=mixture)
    data.prepare_data()
    data.setup("fit")
    with pytest.raises(DatasetError, match=r"9 of the pairs .* validation or test, DIS-TR/"):
        data.train_dataloader()


def test_other_sample_is_another_training_pair_of_the_same_size(pairs: Pairs) -> None:
    seen = []

    class Watching:
        def synthesise(self, sample: Sample, seed: int, draw_other: DrawOther) -> Sample:
            others = [draw_other(seed + k) for k in range(60)]
            assert {tuple(other.mask.shape) for other in others} == {tuple(sample.mask.shape)}
            seen.extend([sample.id, *(other.id for other in others)])
            return Negative().synthesise(sample, seed, draw_other)

    views(pairs, Watching())[0]
    own, *others = seen
    assert set(others) == {files.id for files in pairs.files} - {own}


def test_weighting_decides_which_pairs_are_drawn(pairs: Pairs) -> None:
    weighting = Weighting(classes={"Disc": 0.0})
    mixed = views(pairs, share=Constant(0.5), weighting=weighting)
    drawn = [mixed[slot] for slot in range(27)]
    assert {view.sample.class_names for view in drawn} == {("Ball",)}
    assert {view.is_synthetic for view in drawn} == {False, True}


def test_members_are_drawn_by_weight(pairs: Pairs, tiny_set: Path) -> None:
    ready = Pairs(find_pairs(tiny_set, "DIS-TE1")[0], size=(32, 32))
    mixed = MixtureViews(
        pairs,
        Mixture(
            share=Constant(1.0), synthesis=Negative(), ready=[ReadyPairs(root=tiny_set, weight=3.0)]
        ),
        ready=[ready],
        held_out=[],
        seed=SEED,
        batch_size=BATCH,
        num_batches=None,
    )
    ids = [mixed[slot].sample.id for slot in range(200)]
    assert all(mixed[slot].is_synthetic for slot in range(5))
    num_ready = sum(id.startswith("DIS-TE1") for id in ids)
    assert num_ready + sum(id.endswith("~negative") for id in ids) == 200
    assert 130 <= num_ready <= 170  # 150 expected, 3.3 standard deviations


def test_ready_pairs_alone_are_a_mixture_too(make_set: Callable[..., Path], tmp_path: Path) -> None:
    root = make_set(tmp_path / "set")
    pool = make_set(tmp_path / "other", train=20, val=1, test=1) / "DIS-TR"
    pool.rename(tmp_path / "pool")
    for number in range(17):  # not the photos of the set
        for file in (tmp_path / "pool").glob(f"*/*#{number:03d}.*"):
            file.unlink()
    for file in (tmp_path / "pool").glob("*/*"):
        file.rename(file.with_stem(f"made-{file.stem}"))
    mixture = Mixture(share=Constant(1.0), ready=[ReadyPairs(root=tmp_path / "pool")])
    data = DIS5K(
        root,
        size=32,
        batch_size=2,
        num_workers=0,
        cache=tmp_path / "cache",
        on_error="skip",
        splits=Splits(test=("DIS-TE1",)),
        mixture=mixture,
    )
    data.prepare_data()
    data.setup("fit")
    ids = {id for batch in data.train_dataloader() for id in batch.id}
    assert ids
    assert all(id.startswith("pool/made-") for id in ids)


def test_batch_says_what_is_synthetic_and_what_failed(pairs: Pairs) -> None:
    real = SlotViews(pairs, SEED)
    mixed = views(pairs, Failing(ids=(real[1].sample.id,)))
    batch = collate([mixed[slot] for slot in range(4)])
    assert batch.is_synthetic == [True, False, True, True]
    assert [bool(failure) for failure in batch.failures] == [False, True, False, False]


@pytest.mark.slow
@pytest.mark.parametrize("num_workers", [1, 2])
def test_workers_change_no_id_and_no_pixel(tiny_set: Path, num_workers: int) -> None:
    def batches(num_workers: int) -> list[tuple[list[str], bytes, bytes]]:
        data = DIS5K(
            tiny_set,
            size=32,
            batch_size=BATCH,
            cache=None,
            num_workers=num_workers,
            splits=Splits(test=("DIS-TE1",)),
            transforms=[albumentations.HorizontalFlip(p=0.5)],
            mixture=Mixture(share=Constant(0.7), synthesis=Negative()),
        )
        data.prepare_data()
        data.setup("fit")
        loader = data.train_dataloader()
        found = [batch for _ in range(3) for batch in loader]
        return [(b.id, b.image.numpy().tobytes(), b.mask.numpy().tobytes()) for b in found]

    assert batches(num_workers) == batches(0)
