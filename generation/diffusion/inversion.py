"""DDIM there and back: from an image to the noise that makes it, and from noise to an image.

With x' = x / sqrt(a) and s = sqrt((1 - a) / a), a the cumulated alpha of a level of noise, a step
of DDIM is x'(to) = x'(from) + (s(to) - s(from)) noise: Euler's method for dx' / ds = noise(x, t)
(Song et al., ICLR 2021, arXiv 2010.02502, eqs. 12 and 14). Inversion takes the same steps upwards.

Letters: B samples; S steps; h, w size of the latents.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

PredictionType = Literal["epsilon", "v_prediction", "sample"]
NoisePrediction = Callable[[Tensor, int], Tensor]
"""From latents ``(B, c, h, w)`` and the number of a step, 0 to S - 1, to the noise within them."""


class NoiseScheduler(Protocol):
    """A scheduler of diffusers, of which only the configuration is read."""

    @property
    def config(self) -> object:
        """What it was built from."""


@dataclass(frozen=True, slots=True)
class DdimSchedule:
    """The levels of noise of a DDIM run."""

    timesteps: Tensor
    """``(S,)`` int64, from the noisiest to the least."""
    alphas: Tensor
    """``(S + 1,)`` float64 in (0, 1]: cumulated alpha of each step, and of the image at the end."""
    prediction_type: PredictionType
    """What the network predicts."""

    def noise(self, output: Tensor, latents: Tensor, step: int) -> Tensor:
        """Return the noise that a network's output stands for at a step.

        Args:
            output: ``(B, c, h, w)``, of the network.
            latents: ``(B, c, h, w)``, what it saw.
            step: 0 to S - 1.
        """
        a = float(self.alphas[step])
        if self.prediction_type == "epsilon":
            return output
        if self.prediction_type == "v_prediction":
            return a**0.5 * output + (1 - a) ** 0.5 * latents
        return (latents - a**0.5 * output) / (1 - a) ** 0.5


def ddim_schedule(scheduler: NoiseScheduler, num_steps: int) -> DdimSchedule:
    """Return the levels of noise that a model was trained at, in `num_steps` steps.

    Args:
        scheduler: That the model came with, of any kind.
        num_steps: S.

    Raises:
        ValueError: If there are more steps than the model knows, or the first is of noise alone.
    """
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    ddim = DDIMScheduler.from_config(scheduler.config)
    known = int(ddim.config.num_train_timesteps)
    if not 1 <= num_steps <= known:
        raise ValueError(f"num_steps is {num_steps}: give 1 to {known}, what the model knows")
    ddim.set_timesteps(num_steps)
    levels = [ddim.alphas_cumprod[ddim.timesteps], ddim.final_alpha_cumprod.view(1)]
    if float(levels[0].min()) <= 0:  # rescale_betas_zero_snr with trailing steps
        raise ValueError(
            f"of {num_steps} steps of this model the first sees noise alone, which no image can be "
            "inverted to: give a model without rescale_betas_zero_snr, or with leading steps"
        )
    return DdimSchedule(
        timesteps=ddim.timesteps,
        alphas=torch.cat(levels).double(),
        prediction_type=ddim.config.prediction_type,
    )


def move(latents: Tensor, noise: Tensor, start: float, end: float) -> Tensor:
    """Return latents taken from one level of noise to another by a step of DDIM without noise.

    Args:
        latents: ``(B, c, h, w)``.
        noise: ``(B, c, h, w)``, the noise within them.
        start: Cumulated alpha of the latents, in (0, 1].
        end: Cumulated alpha to go to, in (0, 1].
    """
    scale = (end / start) ** 0.5
    return scale * latents + ((1 - end) ** 0.5 - scale * (1 - start) ** 0.5) * noise


def invert(
    latents: Tensor, predict: NoisePrediction, schedule: DdimSchedule, *, num_refinements: int = 0
) -> Tensor:
    """Return the noise from which `sample` without guidance leads back to the latents.

    A step downwards asks the network at its noisier end, which inversion does not know yet. It asks
    about the latents before the step (MasaCtrl, and Mokady et al., arXiv 2211.09794), which is off
    by O(1 / S); each refinement asks again about what came of that, a fixed-point iteration (Pan et
    al., ICCV 2023, arXiv 2309.04907) that halves the error or better where the network is smooth.

    Args:
        latents: ``(B, c, h, w)``, of images.
        predict: Asked S (1 + num_refinements) times.
        schedule: As for `sample`.
        num_refinements: 0 is as published.
    """
    levels = schedule.alphas.tolist()
    for step in reversed(range(len(schedule.timesteps))):
        guess = latents
        for _ in range(1 + num_refinements):
            guess = move(latents, predict(guess, step), levels[step + 1], levels[step])
        latents = guess
    return latents


def sample(
    latents: Tensor,
    predict: NoisePrediction,
    schedule: DdimSchedule,
    *,
    draw: Callable[[], Tensor] | None = None,
) -> Tensor:
    """Return the latents of images that noise leads to, by DDIM.

    Args:
        latents: ``(B, c, h, w)`` noise.
        predict: Asked S times.
        schedule: Levels of noise.
        draw: Returns fresh normal noise ``(B, c, h, w)``, once a step: eta 1 (eq. 16). None: eta 0.
    """
    levels = schedule.alphas.tolist()
    for step in range(len(schedule.timesteps)):
        noise = predict(latents, step)
        if draw is None:
            latents = move(latents, noise, levels[step], levels[step + 1])
        else:
            latents = _move_and_shake(latents, noise, levels[step], levels[step + 1], draw())
    return latents


def _move_and_shake(
    latents: Tensor, noise: Tensor, start: float, end: float, fresh: Tensor
) -> Tensor:
    """Return latents moved to less noise, of which as much as DDPM would is fresh."""
    variance = (1 - end) / (1 - start) * (1 - start / end)
    scale = (end / start) ** 0.5
    kept = max(0.0, 1 - end - variance) ** 0.5
    return scale * latents + (kept - scale * (1 - start) ** 0.5) * noise + variance**0.5 * fresh
