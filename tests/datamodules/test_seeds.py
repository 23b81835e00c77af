import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.seeds import generator_for, seed_for

PARTS = st.lists(st.text(max_size=8) | st.integers(), max_size=4)


@settings(max_examples=40, deadline=None)
@given(st.integers(), PARTS)
def test_seed_is_a_63_bit_function_of_its_arguments(root: int, parts: list[str | int]) -> None:
    seed = seed_for(root, *parts)
    assert 0 <= seed < 2**63
    assert seed == seed_for(root, *parts)


def test_seed_is_the_same_on_every_machine_and_release() -> None:
    assert seed_for(0, "chair-1") == 7811423807661128849


def test_root_id_and_slot_all_count() -> None:
    seeds = {seed_for(root, id, slot) for root in range(5) for id in "abcde" for slot in range(40)}
    assert len(seeds) == 5 * 5 * 40


def test_order_of_the_parts_counts() -> None:
    assert seed_for(0, "a", "b") != seed_for(0, "b", "a")


def test_generator_repeats_its_noise() -> None:
    first, again = (torch.rand(4, generator=generator_for(3, "a", 7)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, torch.rand(4, generator=generator_for(3, "a", 8)))
