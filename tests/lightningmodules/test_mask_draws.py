import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lightningmodules.mask_draws import Place, draws_for, small_similarity, sources_of

IDS = [f"mask{number}" for number in range(8)]


@pytest.mark.parametrize("num_processes", [2, 4])
def test_sample_has_the_same_draws_on_any_number_of_processes(num_processes: int) -> None:
    whole = draws_for(3, IDS, Place(5, 0, 8), latent_size=6)
    share = 8 // num_processes
    parts = [
        draws_for(3, IDS[first : first + share], Place(5, first, 8), latent_size=6)
        for first in range(0, 8, share)
    ]
    for alone, shared in zip(whole, zip(*parts, strict=True), strict=True):
        assert torch.equal(alone, torch.cat(shared))


@pytest.mark.parametrize(
    ("seed", "ids", "place"),
    [(4, IDS, Place(5, 0, 8)), (3, IDS[::-1], Place(5, 0, 8)), (3, IDS, Place(6, 0, 8))],
)
def test_other_seed_id_or_step_draws_anew(seed: int, ids: list[str], place: Place) -> None:
    one = draws_for(3, IDS, Place(5, 0, 8), latent_size=6)
    other = draws_for(seed, ids, place, latent_size=6)
    for a, b in zip(one, other, strict=True):
        assert not (a == b).flatten(1 if a.ndim > 1 else 0).any()


def test_draws_fill_their_ranges() -> None:
    drawn = draws_for(0, ["mask"] * 400, Place(0, 0, 400), latent_size=6)
    assert drawn.strength.shape == (400,)
    assert drawn.latent.shape == (400, 2, 6)
    assert drawn.views.shape == (400, 3, 5)
    assert 0 <= drawn.strength.min() < 0.05
    assert 0.95 < drawn.strength.max() < 1
    assert -1 <= drawn.views.min() < -0.95
    assert 0.95 < drawn.views.max() < 1
    assert drawn.latent.mean().abs() < 0.1
    assert drawn.latent.std().item() == pytest.approx(1, abs=0.1)


@given(share=st.integers(1, 6).map(lambda half: 2 * half), num_processes=st.integers(1, 4))
def test_half_of_the_samples_are_edited_whoever_has_them(share: int, num_processes: int) -> None:
    batch_size = share * num_processes
    alone = sources_of(Place(0, 0, batch_size), batch_size)
    shared = [
        first + k
        for first in range(0, batch_size, share)
        for k in sources_of(Place(0, first, batch_size), share)
    ]
    assert alone == shared
    assert len(alone) == batch_size // 2


def test_process_with_one_sample_edits_it() -> None:
    assert sources_of(Place(0, 1, 2), 1) == [0]


def test_view_that_draws_nothing_leaves_the_mask() -> None:
    assert small_similarity(torch.zeros(1, 5), torch.zeros(1, 1, 5, 8)).abs().max() == 0


def test_view_moves_by_3_percent_and_turns_by_3_degrees_at_most() -> None:
    like = torch.zeros(1, 1, 101, 201)
    shift = small_similarity(torch.tensor([[0.0, 0.0, 1.0, -1.0, 0.0]]), like)
    assert torch.allclose(shift[0, 0], torch.tensor(0.03 * 201))
    assert torch.allclose(shift[0, 1], torch.tensor(-0.03 * 101))
    turned = small_similarity(torch.tensor([[1.0, 0.0, 0.0, 0.0, 0.0]]), like)
    right = turned[0, :, 50, 200] + torch.tensor([100.0, 0.0])  # from the middle of the frame
    assert math.degrees(math.atan2(right[1], right[0])) == pytest.approx(2.86, abs=0.01)
