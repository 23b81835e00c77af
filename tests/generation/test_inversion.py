import itertools
import math

import diffusers
import pytest
import torch
from torch import Tensor

from generation.diffusion.inversion import DdimSchedule, ddim_schedule, invert, move, sample

SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def schedule(num_steps: int, prediction_type: str = "epsilon") -> DdimSchedule:
    scheduler = diffusers.PNDMScheduler(
        **SD, set_alpha_to_one=False, steps_offset=1, prediction_type=prediction_type
    )
    return ddim_schedule(scheduler, num_steps)


def latents(seed: int = 0) -> Tensor:
    return torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(seed)).double()


def level(alpha: float) -> float:
    return math.sqrt((1 - alpha) / alpha)


def gaussian(levels: DdimSchedule, deviation: float):  # noqa: ANN201
    """The exact noise prediction for data from N(0, deviation^2): linear in the latents."""

    def predict(x: Tensor, step: int) -> Tensor:
        alpha = float(levels.alphas[step])
        s = level(alpha)
        return s / (deviation**2 + s**2) * x / math.sqrt(alpha)

    return predict


def test_schedule_is_that_of_diffusers() -> None:
    reference = diffusers.DDIMScheduler(**SD, set_alpha_to_one=False, steps_offset=1)
    reference.set_timesteps(50)
    found = schedule(50)
    assert torch.equal(found.timesteps, reference.timesteps)
    assert found.timesteps[-1] == 1
    assert found.alphas[-1].float() == reference.alphas_cumprod[0]


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_sampling_takes_the_steps_of_diffusers(prediction_type: str, eta: float) -> None:
    reference = diffusers.DDIMScheduler(
        **SD,
        set_alpha_to_one=False,
        steps_offset=1,
        clip_sample=False,
        prediction_type=prediction_type,
    )
    reference.set_timesteps(7)
    levels = schedule(7, prediction_type)
    fresh = [latents(seed + 1) for seed in range(7)]
    x = latents()
    for time, noise in zip(reference.timesteps, fresh, strict=True):
        output = torch.tanh(x) * 0.3
        x = reference.step(output, time, x, eta=eta, variance_noise=noise).prev_sample
    pending = iter(fresh)
    found = sample(
        latents(),
        lambda x, step: levels.noise(torch.tanh(x) * 0.3, x, step),
        levels,
        draw=(lambda: next(pending)) if eta else None,
    )
    torch.testing.assert_close(found, x, rtol=1e-4, atol=1e-4)


def test_inversion_takes_the_steps_of_diffusers() -> None:
    reference = diffusers.DDIMInverseScheduler(
        **SD, set_alpha_to_one=False, steps_offset=1, clip_sample=False
    )
    reference.set_timesteps(10)
    x = latents()
    for time in reference.timesteps:
        x = reference.step(torch.tanh(x) * 0.3, time, x).prev_sample
    found = invert(latents(), lambda x, step: torch.tanh(x) * 0.3, schedule(10))
    torch.testing.assert_close(found, x, rtol=1e-5, atol=1e-5)


def test_inversion_of_a_linear_model_is_the_product_of_its_steps() -> None:
    # x' goes to x' + (s_to - s_from) k x', where k is the model's at the noisier end
    levels, deviation = schedule(20), 0.7
    ladder = [level(alpha) for alpha in reversed(levels.alphas.tolist())]
    factor = math.sqrt(float(levels.alphas[0] / levels.alphas[-1]))
    for step, (low, high) in enumerate(itertools.pairwise(ladder)):
        asked_at = float(levels.alphas[19 - step])
        below = float(levels.alphas[20 - step])
        # the model divides by the sqrt(alpha) of its time, the latents carry that of their level
        k = high / (deviation**2 + high**2) * math.sqrt(below / asked_at)
        factor *= 1 + (high - low) * k
    found = invert(latents(), gaussian(levels, deviation), levels)
    torch.testing.assert_close(found, factor * latents(), rtol=1e-6, atol=1e-6)


def test_inversion_nears_the_closed_form_as_steps_grow() -> None:
    # d x'/ds = s x' / (d^2 + s^2) has the solution x'(s) = x'(s0) sqrt((d^2 + s^2)/(d^2 + s0^2))
    errors = []
    for num_steps in (25, 100, 400):
        levels, d = schedule(num_steps), 0.7
        first, last = (float(levels.alphas[index]) for index in (-1, 0))
        exact = math.sqrt(last / first) * math.sqrt(
            (d**2 + level(last) ** 2) / (d**2 + level(first) ** 2)
        )
        found = invert(latents(), gaussian(levels, d), levels)
        errors.append(float((found / latents() / exact - 1).abs().max()))
    assert errors[0] > 3 * errors[1] > 9 * errors[2]
    assert errors[2] < 0.02


def test_sampling_after_inversion_returns_the_image() -> None:
    levels = schedule(50)
    x = latents()
    published = sample(invert(x, gaussian(levels, 1.0), levels), gaussian(levels, 1.0), levels)
    refined = sample(
        invert(x, gaussian(levels, 1.0), levels, num_refinements=20), gaussian(levels, 1.0), levels
    )
    assert float((published - x).abs().max()) < 0.1 * float(x.abs().max())
    torch.testing.assert_close(refined, x, rtol=1e-6, atol=1e-6)


def test_a_step_to_the_same_level_changes_nothing() -> None:
    torch.testing.assert_close(move(latents(), latents(1), 0.4, 0.4), latents())


@pytest.mark.parametrize("num_steps", [0, 1001])
def test_number_of_steps_that_the_model_does_not_know_is_refused(num_steps: int) -> None:
    with pytest.raises(ValueError, match="give 1 to 1000"):
        schedule(num_steps)


def test_model_whose_first_step_sees_noise_alone_is_refused() -> None:
    scheduler = diffusers.DDIMScheduler(rescale_betas_zero_snr=True, timestep_spacing="trailing")
    with pytest.raises(ValueError, match="noise alone"):
        ddim_schedule(scheduler, 5)
