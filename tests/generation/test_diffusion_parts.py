"""What the diffusion painters are made of, each part for itself."""

from collections.abc import Callable
from inspect import signature
from itertools import pairwise

import cv2
import diffusers
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from generation.diffusion.controls import CannyCondition, Control, MaskCondition
from generation.diffusion.denoise import Conditions, Row, Text, denoise, denoising_step
from generation.diffusion.noise import generators_for, noise
from generation.diffusion.sampler_table import sampler_table
from generation.diffusion.size_buckets import bucket
from generation.diffusion.tiles import Tile, TiledStep, tile_starts, tile_weights

# numpy's, inside the constructors of some schedulers of diffusers
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept:DeprecationWarning"
)
SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
SCHEDULERS: dict[str, Callable[[], object]] = {
    "ddim": lambda: diffusers.DDIMScheduler(**SD, clip_sample=False, steps_offset=1),
    "ddpm": lambda: diffusers.DDPMScheduler(**SD, clip_sample=False),
    "pndm": lambda: diffusers.PNDMScheduler(**SD, skip_prk_steps=True, steps_offset=1),
    "euler": lambda: diffusers.EulerDiscreteScheduler(**SD),
    "ancestral": lambda: diffusers.EulerAncestralDiscreteScheduler(**SD),
    "heun": lambda: diffusers.HeunDiscreteScheduler(**SD),
    "lcm": lambda: diffusers.LCMScheduler(**SD),
    "tcd": lambda: diffusers.TCDScheduler(**SD),
    "dpm++": lambda: diffusers.DPMSolverMultistepScheduler(**SD),
    "sde-dpm++": lambda: diffusers.DPMSolverMultistepScheduler(
        **SD, algorithm_type="sde-dpmsolver++"
    ),
    "unipc": lambda: diffusers.UniPCMultistepScheduler(**SD),
    "flow": lambda: diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
}
NOTHING = Conditions(Text(torch.zeros(1, 1, 1)))


def smooth_net(latent: Tensor, time: Tensor, conditions: Conditions) -> Tensor:
    """Return a nonlinear output that no sampler can mistake for another time's."""
    return torch.tanh(latent) + 1e-3 * time * torch.cos(latent)


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize(("steps", "strength"), [(7, 1.0), (12, 0.5)])
def test_table_goes_the_way_of_the_scheduler(name: str, steps: int, strength: float) -> None:
    scheduler = SCHEDULERS[name]()
    table = sampler_table(scheduler, steps=steps, strength=strength)
    scheduler.set_timesteps(steps)
    times = scheduler.timesteps[len(scheduler.timesteps) - len(table.times) :]
    if strength < 1 and hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(len(scheduler.timesteps) - len(times))
    first = noise(generators_for([1], "first"), (4, 6, 5))
    (generator,) = generators_for([2], "steps")
    drawing = "generator" in signature(scheduler.step).parameters
    options = {"generator": generator} if drawing else {}
    latent = first
    for time in times:
        scaled = getattr(scheduler, "scale_model_input", lambda x, _: x)(latent, time)
        output = smooth_net(scaled, time, NOTHING)
        latent = scheduler.step(output, time, latent, return_dict=False, **options)[0]
    found = denoise(smooth_net, first, table, generators_for([2], "steps"), conditions=NOTHING)
    torch.testing.assert_close(found, latent, atol=2e-5, rtol=2e-5)


def test_start_of_half_a_way_is_what_the_scheduler_adds() -> None:
    scheduler = SCHEDULERS["ddim"]()
    table = sampler_table(scheduler, steps=10, strength=0.5)
    share = scheduler.alphas_cumprod[int(table.times[0])]
    assert table.start == pytest.approx((float(share.sqrt()), float((1 - share).sqrt())))
    assert sampler_table(SCHEDULERS["flow"](), steps=10).start == (0.0, 1.0)
    assert len(table.times) == 5


def test_scheduler_that_clips_is_refused_with_the_cure() -> None:
    clipping = diffusers.DDIMScheduler(**SD, clip_sample=True, clip_sample_range=0.01)
    with pytest.raises(ValueError, match="clip_sample: false"):
        sampler_table(clipping, steps=5)
    with pytest.raises(ValueError, match="no step at all"):
        sampler_table(SCHEDULERS["ddim"](), steps=5, strength=0.1)


@given(st.integers(1, 4000), st.integers(1, 4000), st.sampled_from([(512, 64), (1024, 32)]))
def test_bucket_keeps_aspect_and_area(height: int, width: int, setting: tuple[int, int]) -> None:
    side, multiple = setting
    found = bucket((height, width), side=side, multiple=multiple)
    assert all(each % multiple == 0 and multiple <= each <= 2 * side for each in found)
    if 1 / 3 < height / width < 3:
        assert 0.8 < (found[0] / found[1]) / (height / width) < 1.25
        assert 0.75 < found[0] * found[1] / side**2 < 1.3
    assert bucket((width, height), side=side, multiple=multiple) == found[::-1]


def test_side_that_does_not_fit_the_networks_is_answered_by_one_that_does() -> None:
    with pytest.raises(ValueError, match=r"500 is not a multiple of 64.* give 512"):
        bucket((1, 1), side=500, multiple=64)


def test_canny_is_opencvs_at_the_published_thresholds() -> None:
    mask = torch.zeros(40, 30, dtype=torch.uint8)
    mask[10:30, 8:9] = 255
    mask[5:20, 15:25] = 120
    edges = CannyCondition().picture(mask, (40, 30))
    assert torch.equal((edges[0] * 255).byte(), torch.from_numpy(cv2.Canny(mask.numpy(), 30, 230)))
    assert edges.shape == (3, 40, 30)
    with pytest.raises(ValueError, match="thresholds 9 and 3"):
        CannyCondition(low=9, high=3)


@pytest.mark.parametrize("value", [0, 255])
def test_conditions_of_an_empty_and_a_full_mask(value: int) -> None:
    mask = torch.full((17, 9), value, dtype=torch.uint8)
    assert not CannyCondition().picture(mask, (32, 16)).any()
    assert torch.allclose(MaskCondition().picture(mask, (32, 16)), torch.tensor(value / 255))


def test_condition_of_a_strut_of_one_pixel_is_not_lost_when_made_smaller() -> None:
    mask = torch.zeros(64, 64, dtype=torch.uint8)
    mask[:, 21] = 255
    shown = MaskCondition().picture(mask, (16, 16))[0]
    assert float(shown.sum(1).mean()) == pytest.approx(0.25, abs=0.02)


def test_control_without_weight_is_not_used_and_a_negative_one_refused() -> None:
    assert Control(model="a", condition=MaskCondition()).is_used
    assert not Control(model="a", condition=MaskCondition(), weight=0).is_used
    assert not Control(model="a", condition=MaskCondition(), enabled=False).is_used
    with pytest.raises(ValueError, match="weight -1"):
        Control(model="a", condition=MaskCondition(), weight=-1)


def test_noise_of_a_sample_does_not_depend_on_the_trainers_precision() -> None:
    (one,), (other,) = generators_for([5], "x"), generators_for([5], "x")
    expected = noise([one], (4, 6, 7))
    torch.set_default_dtype(torch.bfloat16)  # as trainers with precision bf16-true do
    try:
        found = noise([other], (4, 6, 7))
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(found, expected)


def test_noise_of_a_sample_does_not_depend_on_its_batch() -> None:
    together = noise(generators_for([5, 6], "x"), (2, 3, 3))
    assert torch.equal(together[1:], noise(generators_for([6], "x"), (2, 3, 3)))
    assert not torch.equal(together[1:], noise(generators_for([6], "y"), (2, 3, 3)))


@given(st.integers(1, 200), st.integers(2, 40), st.floats(0, 0.9))
def test_tiles_cover_a_side_and_overlap(length: int, tile: int, share: float) -> None:
    overlap = int(share * tile)
    starts = tile_starts(length, tile, overlap)
    assert starts[0] == 0
    if length <= tile:
        assert starts == [0]
        return
    assert starts[-1] + tile == length
    assert all(b - a <= tile - overlap for a, b in pairwise(starts))
    assert starts == sorted(set(starts))


def test_weights_of_tiles_are_positive_and_symmetric() -> None:
    weights = tile_weights((5, 8))
    assert float(weights.min()) > 0
    torch.testing.assert_close(weights, weights.flip(0, 1))


@pytest.mark.parametrize("name", ["ddim", "ancestral", "unipc"])
def test_tiles_of_a_net_that_sees_no_neighbours_equal_the_whole(name: str) -> None:
    table = sampler_table(SCHEDULERS[name](), steps=6)
    first = noise(generators_for([1, 2], "first"), (4, 13, 18))
    whole = denoise(smooth_net, first, table, generators_for([3, 4], "s"), conditions=NOTHING)
    tiles = [
        Tile(top, left, NOTHING) for top in tile_starts(13, 8, 2) for left in tile_starts(18, 8, 3)
    ]
    tiled = TiledStep(denoising_step, tiles, (8, 8))
    found = denoise(
        smooth_net, first, table, generators_for([3, 4], "s"), conditions=NOTHING, step=tiled
    )
    torch.testing.assert_close(found, whole, atol=1e-4, rtol=1e-5)


def test_guidance_moves_from_the_negative_to_the_prompt_and_beyond() -> None:
    def net(latent: Tensor, time: Tensor, conditions: Conditions) -> Tensor:
        return conditions.text.tokens.view(-1, 1, 1, 1).expand_as(latent)

    told = Conditions(Text(torch.tensor([1.0, 3.0])), guidance=torch.tensor(2.5))
    one = torch.ones(1)
    row = Row(torch.tensor(0.0), torch.tensor(1.0), one, one, torch.tensor(0.0))
    latent = torch.zeros(1, 1, 4, 2, 2)
    new, output = denoising_step(net, latent, latent[:0], None, row, told)
    np.testing.assert_allclose(output.numpy(), 1 + 2.5 * (3 - 1))
    assert torch.equal(new, output)
