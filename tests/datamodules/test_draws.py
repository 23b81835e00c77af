import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.draws import SlotBatches, SlotLoader, SlotViews, index_at
from datamodules.pairs import Pairs


@given(st.integers(1, 40), st.integers(0, 2**40), st.integers(0, 5))
def test_every_cycle_of_slots_holds_each_sample_once(n: int, seed: int, cycle: int) -> None:
    drawn = [index_at(seed, slot, n) for slot in range(cycle * n, (cycle + 1) * n)]
    assert sorted(drawn) == list(range(n))


def test_two_cycles_and_two_seeds_are_ordered_differently() -> None:
    def order(seed: int, cycle: int) -> list[int]:
        return [index_at(seed, cycle * 50 + place, 50) for place in range(50)]

    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)
    assert order(0, 0) == order(0, 0)


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_ranks_share_each_global_batch_without_overlap(world_size: int) -> None:
    ranks = [list(SlotBatches(21, 4, rank, world_size)) for rank in range(world_size)]
    steps = [sorted(slot for rank in ranks for slot in rank[step]) for step in range(5)]
    assert steps == [list(range(4 * step, 4 * step + 4)) for step in range(5)]


def test_walk_goes_on_after_the_steps_that_were_taken() -> None:
    slots = SlotBatches(21, 4, 0, 1)
    slots.steps_taken = 7
    assert next(iter(slots)) == [28, 29, 30, 31]
    assert len(slots) == 5


def test_batch_that_ranks_cannot_share_is_an_error_with_both_numbers() -> None:
    with pytest.raises(ValueError, match=r"batch_size 6 .* 4 processes"):
        SlotBatches(21, 6, 0, 4)


def test_batch_larger_than_the_training_set_is_an_error_with_both_numbers() -> None:
    with pytest.raises(ValueError, match=r"batch_size 30 .* 21"):
        SlotBatches(21, 30, 0, 1)


def test_each_step_is_announced_before_its_slots_are_handed_out() -> None:
    announced: list[int] = []
    slots = SlotBatches(12, 4, 1, 2, before_step=announced.append)
    slots.steps_taken = 5
    for step, batch in enumerate(slots, start=5):
        assert announced == list(range(5, step + 1))
        assert batch == [4 * step + 2, 4 * step + 3]


def loader(**drawn_from: str) -> SlotLoader:
    return SlotLoader(
        SlotViews(Pairs([], size=(8, 8)), 0),
        slots=SlotBatches(12, 4, 0, 1),
        num_workers=0,
        pin_memory=False,
        drawn_from=drawn_from,
    )


def test_walk_over_a_folder_that_has_changed_does_not_go_on() -> None:
    state = loader(made="1", other="2").state_dict()
    with pytest.raises(ValueError, match="made holds other pairs than when the checkpoint"):
        loader(made="3", other="2").load_state_dict(state)


@pytest.mark.parametrize("drawn_from", [{"made": "1"}, {}, {"made": "1", "new": "3"}])
def test_walk_goes_on_with_the_same_folders_and_others(drawn_from: dict[str, str]) -> None:
    before = loader(made="1")
    before.slots.steps_taken = 5
    after = loader(**drawn_from)
    after.load_state_dict(before.state_dict())
    assert after.slots.steps_taken == 5


def test_checkpoint_without_digests_goes_on() -> None:
    after = loader(made="1")
    after.load_state_dict({"steps_taken": 5})
    assert after.slots.steps_taken == 5
