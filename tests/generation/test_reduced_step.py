"""Steps that leave out work: what is left out, and that nothing else is."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from generation.diffusion.denoise import (
    Conditions,
    Text,
    added_by_controls,
    denoise,
    denoising_step,
)
from generation.diffusion.noise import generators_for, noise
from generation.diffusion.reduced_step import ReducedStep, unguided
from generation.diffusion.sampler_table import SamplerTable, sampler_table
from generation.diffusion.sampling import Sampling
from generation.diffusion.tiles import Tile, TiledStep

STEPS = 7


class Net:
    """A base that halves the latent and moves it to its text, with one ControlNet."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.asked = 0

    def __call__(self, latent: Tensor, time: Tensor, conditions: Conditions) -> Tensor:
        self.rows.append(len(latent))
        added = conditions.added
        if added is None:
            added = self.added(latent, time, conditions)
        return 0.5 * latent + conditions.text.tokens.view(-1, 1, 1, 1) + added[0]

    def added(self, latent: Tensor, time: Tensor, conditions: Conditions) -> tuple[Tensor, ...]:
        self.asked += 1
        return (0.1 * latent.tanh() * conditions.hints[0][0] * conditions.weights[0],)


def table() -> SamplerTable:
    from diffusers import DDIMScheduler

    return sampler_table(DDIMScheduler(clip_sample=False, steps_offset=1), steps=STEPS)


def conditions(seed: int = 0) -> Conditions:
    draw = torch.Generator().manual_seed(seed)
    hint = torch.rand(2, 1, 6, 6, generator=draw)
    return Conditions(
        Text(torch.rand(4, generator=draw)),
        hints=((torch.cat([hint, hint]),),),
        weights=(torch.tensor([0.7]),),
        guidance=torch.tensor(3.0),
    )


def way(net: Net, told: Conditions, **reduced: float) -> Tensor:
    first = noise(generators_for([1, 2], "first"), (4, 6, 6))
    step = ReducedStep(denoising_step, added_by_controls, num_steps=STEPS, **reduced)
    return denoise(net, first, table(), generators_for([1, 2], "s"), conditions=told, step=step)


def exact(told: Conditions) -> Tensor:
    first = noise(generators_for([1, 2], "first"), (4, 6, 6))
    return denoise(Net(), first, table(), generators_for([1, 2], "s"), conditions=told)


def test_nothing_left_out_is_the_exact_way() -> None:
    assert torch.equal(way(Net(), conditions()), exact(conditions()))


@pytest.mark.parametrize("every", range(1, STEPS + 2))
def test_controls_are_asked_once_for_so_many_steps(every: int) -> None:
    net = Net()
    way(net, conditions(), control_every=every)
    assert net.asked == -(-STEPS // every)
    assert len(net.rows) == STEPS


def test_the_longer_controls_are_kept_the_more_it_changes_and_none_at_all_the_most() -> None:
    without = conditions()._replace(weights=(torch.tensor([0.0]),))
    ways = [way(Net(), conditions(), control_every=every) for every in (1, 2, 4)]
    gaps = [float((w - exact(conditions())).abs().mean()) for w in (*ways, exact(without))]
    assert gaps == sorted(gaps)
    assert gaps[0] == 0 < gaps[1]


@settings(max_examples=20)
@given(st.floats(0, 1))
def test_share_of_the_steps_is_guided(share: float) -> None:
    net = Net()
    way(net, conditions(), guided_share=share)
    guided = round(share * STEPS)
    assert net.rows == [4] * guided + [2] * (STEPS - guided)


def test_no_guided_steps_are_those_of_the_prompt_alone() -> None:
    told = conditions()
    alone = Conditions(
        Text(told.text.tokens[2:]), ((told.hints[0][0][2:],),), told.weights, guidance=None
    )
    assert torch.equal(way(Net(), told, guided_share=0.0), exact(alone))


def test_both_together_go_the_whole_way() -> None:
    net = Net()
    found = way(net, conditions(), control_every=3, guided_share=0.5)
    assert found.isfinite().all()
    assert (net.asked, net.rows) == (3, [4] * 4 + [2] * 3)


def test_conditions_without_guidance_stay_as_they_are() -> None:
    plain = conditions()._replace(guidance=None)
    assert unguided(plain) is plain


def test_each_tile_keeps_its_own_controls() -> None:
    first = noise(generators_for([1, 2], "first"), (4, 6, 12))
    tiles = [Tile(0, left, conditions(left)) for left in (0, 6)]
    step = ReducedStep(denoising_step, added_by_controls, num_steps=STEPS, control_every=2)
    net = Net()
    found = denoise(
        net, first, table(), generators_for([1, 2], "s"), conditions=tiles[0].conditions,
        step=TiledStep(step, tiles, (6, 6)),
    )  # fmt: skip
    assert net.asked == 2 * 4
    for tile in tiles:
        alone = denoise(
            Net(), first[..., tile.left : tile.left + 6], table(), generators_for([1, 2], "s"),
            conditions=tile.conditions,
            step=ReducedStep(denoising_step, added_by_controls, num_steps=STEPS, control_every=2),
        )  # fmt: skip
        torch.testing.assert_close(found[..., tile.left : tile.left + 6], alone)


@pytest.mark.parametrize("bad", [{"control_every": 0}, {"guided_share": 1.1}])
def test_impossible_settings_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"control_every .* guided_share"):
        Sampling(**bad)
