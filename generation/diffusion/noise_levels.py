"""How much noise a sampler expects before each of its steps, for what is known of the image."""

from copy import deepcopy

import torch
from torch import Tensor

from generation.diffusion.sampler_table import Scheduler


def noise_levels(scheduler: Scheduler, *, steps: int) -> Tensor:
    """Return the weights of image and noise before each step, and after the last.

    Args:
        scheduler: Of diffusers; it is not changed.
        steps: N of the whole way.

    Returns:
        ``(N + 1, 2)`` float32; the last row is the image alone.
    """
    scheduler = deepcopy(scheduler)
    scheduler.set_timesteps(steps)
    one, zero = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)
    rows = []
    for place, time in enumerate(scheduler.timesteps):
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(place)
        add = scheduler.add_noise
        rows.append((float(add(one, zero, time[None])), float(add(zero, one, time[None]))))
    return torch.tensor([*rows, (1.0, 0.0)])
