"""Steps that leave out work: approximations, for whoever wants more pictures of less exactness.

What ControlNets add changes slowly from step to step, so it can be kept for some (as encoders are
in Li et al., "Faster Diffusion", NeurIPS 2024); and the last steps, which draw the details, hardly
need guidance (Castillo et al., "Adaptive Guidance", AAAI 2025).
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from generation.diffusion.denoise import Conditions, Denoiser, Row, Step

Added = Callable[[Denoiser, Tensor, Row, Conditions], tuple[Tensor, ...]]


class ReducedStep:
    """A denoising step that asks less: to be given as ``step`` to `denoise`, or to a `TiledStep`.

    It counts the steps of each `Conditions` that it meets, so one is made for each way. What the
    ControlNets added is kept for each of them, in the networks' dtype: of SD 1.5 at 512 px some 16
    MB a picture in 16 bits.

    Args:
        step: `denoising_step`, or it compiled.
        added: `generation.diffusion.denoise.added_by_controls`, or it compiled.
        num_steps: Of the way.
        control_every: Steps from one asking of the ControlNets to the next.
        guided_share: Of the way, from its beginning, that is guided, in [0, 1].
    """

    def __init__(
        self,
        step: Step,
        added: Added,
        *,
        num_steps: int,
        control_every: int = 1,
        guided_share: float = 1.0,
    ) -> None:
        self.step = step
        self.added = added
        self.control_every = control_every
        self.num_guided = round(guided_share * num_steps)
        self._ways: dict[int, _Way] = {}

    def __call__(
        self,
        net: Denoiser,
        latents: Tensor,
        outputs: Tensor,
        fresh: Tensor | None,
        row: Row,
        conditions: Conditions,
    ) -> tuple[Tensor, Tensor]:
        """Return the next latent and output, see `generation.diffusion.denoise.denoising_step`."""
        way = self._ways.setdefault(id(conditions), _Way(conditions, conditions))
        if way.count == self.num_guided:
            way.now = unguided(way.now)
        if self.control_every > 1 and way.count % self.control_every == 0:
            asked = way.now._replace(added=None)
            way.now = asked._replace(added=self.added(net, latents, row, asked))
        way.count += 1
        return self.step(net, latents, outputs, fresh, row, way.now)


def unguided(conditions: Conditions) -> Conditions:
    """Return the conditions of the prompt alone, without those of the negative prompt."""
    if conditions.guidance is None:
        return conditions
    text = conditions.text
    return conditions._replace(
        text=text._replace(
            tokens=_told(text.tokens),
            pooled=None if text.pooled is None else _told(text.pooled),
            sizes=None if text.sizes is None else _told(text.sizes),
        ),
        hints=tuple(tuple(_told(each) for each in branch) for branch in conditions.hints),
        guidance=None,
        added=None if conditions.added is None else tuple(_told(x) for x in conditions.added),
    )


@dataclass(slots=True)
class _Way:
    given: Conditions  # held, so that no other is given its number
    now: Conditions
    count: int = 0


def _told(both: Tensor) -> Tensor:
    return both[len(both) // 2 :]
