"""Ways in which a diffusion model draws a mask anew: there and back, MasaCtrl, img2img.

Letters: B masks; S their side; N steps.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from benchmarks.diffusion_masks import Masks
from datamodules.seeds import seed_for
from generation.diffusion.inversion import invert, sample
from generation.diffusion.latent_model import LatentModel
from generation.diffusion.noise import generators_for, noise
from generation.edits.masactrl import MasaCtrlEdit

_BATCH = 32
_SEEDS = 2**63
_ROUNDS = 12
_NEARLY_ALL = 0.9


@torch.no_grad()
def there_and_back(
    model: LatentModel, masks: Masks, *, num_steps: int, num_refinements: int
) -> Tensor:
    """Return masks inverted to noise and sampled from it, without words or guidance.

    Returns:
        ``(B, 1, S, S)`` float32 in [0, 1].
    """
    schedule = model.schedule(num_steps)
    found = []
    for _, part in _parts(masks.seen):
        text = model.text([""] * len(part), (part.shape[2], part.shape[3]))
        predict = partial(model.noise, text=text, schedule=schedule)
        start = model.encode(part * 2 - 1)
        noisy = invert(start, predict, schedule, num_refinements=num_refinements)
        found.append(model.decode(sample(noisy, predict, schedule)))
    return _in_range(torch.cat(found))


def masactrl(edit: MasaCtrlEdit, masks: Masks, prompts: Sequence[str]) -> Tensor:
    """Return masks that MasaCtrl makes, ``(B, 1, S, S)`` float32 in [0, 1]."""
    with torch.no_grad():
        return torch.cat(
            [
                edit.redraw(part, prompts[first : first + len(part)])
                for first, part in _parts(masks.seen)
            ]
        )


@torch.no_grad()
def img2img(
    model: LatentModel,
    masks: Masks,
    prompts: Sequence[str],
    *,
    strength: float,
    num_steps: int,
    guidance: float,
) -> Tensor:
    """Return masks noised and denoised after a prompt: SDEdit (Meng et al., ICLR 2022).

    Args:
        model: Draws masks.
        masks: B of them.
        prompts: B of them.
        strength: Share of the noise, in [0, 1]; see `steps_of`.
        num_steps: N, of the whole way.
        guidance: How far a prompt is exaggerated; 1 is not at all.

    Returns:
        ``(B, 1, S, S)`` float32 in [0, 1].
    """
    steps = steps_of(strength, masks.seeds, num_steps)
    result = masks.seen.clone()
    for count in sorted({*steps} - {0}):
        places = torch.tensor([place for place, own in enumerate(steps) if own == count])
        for _, part in _parts(places):
            rows = part.tolist()
            generators = generators_for([masks.seeds[row] for row in rows], "img2img")
            start = model.encode(masks.seen[part] * 2 - 1)
            result[part] = _denoised(
                model,
                start,
                noise(generators, start.shape[1:]),
                [prompts[row] for row in rows],
                skipped=num_steps - count,
                num_steps=num_steps,
                guidance=guidance,
            )
    return result


def steps_of(strength: float, seeds: Sequence[int], num_steps: int) -> list[int]:
    """Return how many steps each mask goes: strength times all, rounded up or down by its seed.

    So that the mean change of a set goes up smoothly with the strength, however few the steps.
    """
    shares = [seed_for(seed, "strength") / _SEEDS for seed in seeds]
    return [min(num_steps, int(strength * num_steps + share)) for share in shares]


def matched(change: Callable[[float], float], target: float, *, tolerance: float) -> float:
    """Return the knob in [0, 1] at which a function that falls from 1 has a value.

    Regula falsi with halved ends (Illinois; Dowell and Jarratt, BIT 1971), since a call is dear;
    bisection until there is a point on either side.

    Args:
        change: Falls, or nearly, from 1 at 0; called at the knob that is returned last.
        target: Value to find; 1 is returned if even there the function is above it.
        tolerance: How far from it is near enough.
    """
    low, high, above, below = 0.0, 1.0, 1 - target, 0.0
    was_above: bool | None = None
    for _ in range(_ROUNDS):
        if below:
            knob = low + (high - low) * above / (above - below)
        else:
            knob = (low + high) / 2 if low < _NEARLY_ALL else 1.0
        gap = change(knob) - target
        is_above = gap > 0
        if abs(gap) <= tolerance or (is_above and knob == 1):
            break
        if is_above:
            low, above, below = knob, gap, below / 2 if was_above else below
        else:
            high, below, above = knob, gap, above / 2 if was_above is False else above
        was_above = is_above
    return knob


def _denoised(
    model: LatentModel,
    latents: Tensor,
    fresh: Tensor,
    prompts: Sequence[str],
    *,
    skipped: int,
    num_steps: int,
    guidance: float,
) -> Tensor:
    whole = model.schedule(num_steps)
    schedule = replace(whole, timesteps=whole.timesteps[skipped:], alphas=whole.alphas[skipped:])
    size = (model.shrink * latents.shape[2], model.shrink * latents.shape[3])
    text = model.text([*[""] * len(prompts), *prompts], size)
    level = float(schedule.alphas[0])

    def predict(noisy: Tensor, step: int) -> Tensor:
        away, told = model.noise(torch.cat([noisy, noisy]), step, text, schedule).chunk(2)
        return away + guidance * (told - away)

    noisy = level**0.5 * latents + (1 - level) ** 0.5 * fresh
    return _in_range(model.decode(sample(noisy, predict, schedule)))


def _parts(rows: Tensor) -> Iterator[tuple[int, Tensor]]:
    for first in range(0, len(rows), _BATCH):
        yield first, rows[first : first + _BATCH]


def _in_range(decoded: Tensor) -> Tensor:
    return (decoded / 2 + 0.5).clamp(0, 1)
