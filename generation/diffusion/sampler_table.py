"""Schedulers of diffusers as tables of numbers, so that a step is the same tensor code for all.

A scheduler keeps its state in Python: a compiled step would be compiled anew for each of its steps
and wait for the device in some. But nearly all of them (DDIM, DDPM, Euler, LCM, TCD, PNDM, DPM++,
UniPC, flow matching) are linear in what they are given. So a scheduler is run once on unit vectors,
and what comes out is its table:

    x[i + 1] = sum over k of states[i, k] x[i - k] + outputs[i, k] e[i - k] + noise[i] z

where x is the latent, e the model's output and z standard normal noise.

Letters: N steps, K times that a step looks at, 1 for all but the multistep schedulers.
"""

from copy import deepcopy
from dataclasses import dataclass
from inspect import signature
from typing import Any, TypeAlias

import torch
from torch import Generator, Tensor

from datamodules.seeds import generator_for

Scheduler: TypeAlias = Any
"""A ``SchedulerMixin`` of diffusers, whose settings are known at run time alone."""

# no step of the schedulers named above looks at more times
_LONGEST = 5
# of the largest number of a step; schedulers compute in float32
_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class SamplerTable:
    """All steps of a scheduler. Tensors are float32 on the CPU."""

    times: Tensor
    """``(N,)``, what the networks are told."""
    scales: Tensor
    """``(N,)``, factor of the latent before it goes into the networks."""
    states: Tensor
    """``(N, K)``, weights of the latents, the last first."""
    outputs: Tensor
    """``(N, K)``, weights of the model's outputs, the last first."""
    noise: Tensor
    """``(N,)``, weight of fresh noise."""
    draws: tuple[bool, ...]
    """N times whether the scheduler draws noise; it may draw for a weight of 0."""
    start: tuple[float, float]
    """Weights of picture and noise in the first latent. Of pure noise the first is 0."""


def sampler_table(scheduler: Scheduler, *, steps: int, strength: float = 1.0) -> SamplerTable:
    """Return the table of a scheduler.

    Args:
        scheduler: Of diffusers; it is not changed.
        steps: Of the whole way from noise to picture.
        strength: Share of the way that is gone, in (0, 1]; below 1 it begins from a picture with
            noise, as img2img does.

    Raises:
        ValueError: If the scheduler is not linear (a clipped or thresholded prediction), looks
            further back than four steps, or is given too few steps for the strength.
    """
    if scheduler.config.get("clip_sample") or scheduler.config.get("thresholding"):
        raise ValueError(
            f"{type(scheduler).__name__} clips what it predicts, which models of latents do not "
            "want: give it the options clip_sample: false and thresholding: false"
        )
    scheduler = deepcopy(scheduler)
    scheduler.set_timesteps(steps)
    first = (steps - min(int(steps * strength), steps)) * scheduler.order
    times = scheduler.timesteps[first:]
    if not len(times):
        raise ValueError(f"strength {strength} of {steps} steps is no step at all: raise either")
    # schedulers of flow matching have no such attribute and start from the noise as it is
    start = (0.0, float(getattr(scheduler, "init_noise_sigma", 1.0)))
    if strength < 1:
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(first)
        start = _started(scheduler, times[:1])
    return _probed(scheduler, times, start)


def _started(scheduler: Scheduler, time: Tensor) -> tuple[float, float]:
    """Return the weights of picture and noise where img2img begins."""
    one, zero = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)
    if hasattr(scheduler, "scale_noise"):  # flow matching
        return float(scheduler.scale_noise(one, time, zero)), float(
            scheduler.scale_noise(zero, time, one)
        )
    return float(scheduler.add_noise(one, zero, time)), float(scheduler.add_noise(zero, one, time))


def _probed(scheduler: Scheduler, times: Tensor, start: tuple[float, float]) -> SamplerTable:
    """Run the scheduler on unit vectors: entry 0 is x[0], then come all e[i], all z[i], and 0."""
    count = len(times)
    basis = torch.eye(2 * count + 2, dtype=torch.float64)
    generator = generator_for(0, "sampler")
    known: list[Tensor] = []  # x[i], e[i], x[i - 1], e[i - 1] ...
    latent = basis[0]
    rows: list[_Row] = []
    for i, time in enumerate(times):
        output = basis[1 + i]
        known = [latent, output, *known]
        scale = _scale(scheduler, time)
        stepped, noise, draws = _stepped(scheduler, time, output, latent, generator)
        rows.append(_Row(scale, _fitted(stepped, known, scheduler), noise, draws))
        latent = stepped + noise * basis[1 + count + i]
    reach = max(len(row.weights) for row in rows) // 2
    weights = torch.tensor(
        [[*row.weights, *[0.0] * (2 * reach - len(row.weights))] for row in rows]
    )
    return SamplerTable(
        times=times.float(),
        scales=torch.tensor([row.scale for row in rows]),
        states=weights[:, ::2].contiguous(),
        outputs=weights[:, 1::2].contiguous(),
        noise=torch.tensor([row.noise for row in rows]),
        draws=tuple(row.draws for row in rows),
        start=start,
    )


@dataclass(frozen=True, slots=True)
class _Row:
    scale: float
    weights: list[float]
    noise: float
    draws: bool


def _scale(scheduler: Scheduler, time: Tensor) -> float:
    if not hasattr(scheduler, "scale_model_input"):  # flow matching
        return 1.0
    return float(scheduler.scale_model_input(torch.ones(1, 1, 1, 1), time))


def _stepped(
    scheduler: Scheduler, time: Tensor, output: Tensor, latent: Tensor, generator: Generator
) -> tuple[Tensor, float, bool]:
    """Return the next latent without its noise, the weight of the noise, and whether it is drawn.

    The last entry is 0 before each step: what stands there after it is noise alone.
    """
    shape = (1, -1, 1, 1)
    arguments = (output.float().reshape(shape), time, latent.float().reshape(shape))
    before = generator.get_state()
    if "generator" in signature(scheduler.step).parameters:
        found = scheduler.step(*arguments, generator=generator, return_dict=False)[0]
    else:
        found = scheduler.step(*arguments, return_dict=False)[0]
    stepped = found.reshape(-1).double()
    if torch.equal(before, generator.get_state()):
        return stepped, 0.0, False
    generator.set_state(before)
    drawn = torch.randn(found.shape, generator=generator).reshape(-1).double()
    weight = float(stepped[-1] / drawn[-1])
    return stepped - weight * drawn, weight, True


def _fitted(new: Tensor, known: list[Tensor], scheduler: Scheduler) -> list[float]:
    """Return the weights of the fewest latents and outputs that make up the new latent."""
    limit = _TOLERANCE * max(1.0, float(new.abs().max()))
    for reach in range(2, 2 * _LONGEST + 1, 2):
        columns = torch.stack(known[:reach], 1)
        # gelsd: latents and outputs of several steps may depend on each other
        weights = torch.linalg.lstsq(columns, new[:, None], driver="gelsd").solution[:, 0]
        if float((columns @ weights - new).abs().max()) <= limit:
            return weights.tolist()
    raise ValueError(
        f"{type(scheduler).__name__} is not linear in the last {_LONGEST} latents and outputs: "
        "take another, such as DDIMScheduler"
    )
