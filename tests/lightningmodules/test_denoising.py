import math

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from torch import Tensor

from lightningmodules.losses.denoising import Prediction, level_weights, noised, target

TIMES = torch.tensor([0, 17, 500, 999])


def scheduler(prediction: Prediction = "epsilon") -> DDPMScheduler:
    return DDPMScheduler(beta_schedule="squaredcos_cap_v2", prediction_type=prediction)


def drawn() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 4, 3, 5, 5, generator=generator).unbind()


def test_noise_is_added_as_diffusers_adds_it() -> None:
    latents, noise = drawn()
    found = noised(latents, noise, scheduler().alphas_cumprod[TIMES])
    torch.testing.assert_close(found, scheduler().add_noise(latents, noise, TIMES))


def test_velocity_is_that_of_diffusers() -> None:
    latents, noise = drawn()
    found = target(latents, noise, scheduler().alphas_cumprod[TIMES], "v_prediction")
    torch.testing.assert_close(found, scheduler().get_velocity(latents, noise, TIMES))


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_sampler_finds_the_image_in_a_perfect_prediction(prediction: Prediction) -> None:
    latents, noise = drawn()
    ddim = DDIMScheduler.from_config(scheduler(prediction).config, clip_sample=False)
    alphas = ddim.alphas_cumprod[TIMES[:3]]
    seen = noised(latents[:3], noise[:3], alphas)
    told = target(latents[:3], noise[:3], alphas, prediction)
    ddim.set_timesteps(1000)
    for row in range(3):
        step = ddim.step(told[row], int(TIMES[row]), seen[row])
        torch.testing.assert_close(step.pred_original_sample, latents[row], atol=1e-3, rtol=1e-3)


def test_levels_follow_the_squared_cosine() -> None:
    # Nichol and Dhariwal, arXiv 2102.09672, eq. 17, with s = .008
    def level(t: int) -> float:
        return math.cos((t / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2

    alphas = scheduler().alphas_cumprod
    for t in (0, 300, 700, 980):
        assert float(alphas[t]) == pytest.approx(level(t + 1) / level(0), rel=1e-3)


def test_nothing_of_the_image_is_left_at_the_last_level() -> None:
    assert float(scheduler().alphas_cumprod[-1]) < 1e-6


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_weights_are_min_snr_of_the_image_whatever_is_predicted(prediction: Prediction) -> None:
    latents, noise = drawn()
    alphas = torch.tensor([0.02, 0.5, 0.9, 0.99])
    guess = latents + 0.1
    # what a prediction is off by where the image is off by .1 and the noisy latents are known
    seen = noised(latents, noise, alphas)
    signal = alphas.view(-1, 1, 1, 1)
    implied = (seen - signal.sqrt() * guess) / (1 - signal).sqrt()
    off = target(guess, implied, alphas, prediction) - target(latents, noise, alphas, prediction)
    counted = level_weights(alphas, prediction, 5.0) * off.square().mean((1, 2, 3))
    ratio = alphas / (1 - alphas)
    torch.testing.assert_close(counted, 0.01 * ratio.clamp(max=5.0), rtol=1e-3, atol=1e-6)


def test_weights_are_one_without_a_bound() -> None:
    assert level_weights(torch.tensor([0.1, 0.9]), "epsilon", None).tolist() == [1, 1]


def test_weights_are_finite_where_there_is_no_signal() -> None:
    none = torch.tensor([0.0])
    assert level_weights(none, "epsilon", 5.0).tolist() == [1]
    assert level_weights(none, "v_prediction", 5.0).tolist() == [0]
