"""How a painter goes from noise to an image, and from there to a larger one."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How an image is drawn from noise."""

    steps: int = 80
    """Of the sampler, 80 in MaskFactory; 4 to 8 with an adapter for few steps."""
    guidance: float = 7.5
    """Weight of the prompt (classifier-free guidance); 1 costs half the time and asks less."""
    scheduler: str = ""
    """Class of diffusers, such as ``LCMScheduler``. Empty: the one that comes with the base."""
    options: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    """Of the scheduler, beside those that the base has, such as ``timestep_spacing: trailing``."""
    control_every: int = 1
    """Steps from one asking of the ControlNets to the next, of both passes. 1 is exact; more is an
    approximation, see `generation.diffusion.reduced_step`."""
    guided_share: float = 1.0
    """Of the steps, from the first, that are guided, of both passes. 1 is exact; less is an
    approximation."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.guidance < 1:
            raise ValueError(f"steps {self.steps} and guidance {self.guidance} must be 1 or more")
        if self.control_every < 1 or not 0 <= self.guided_share <= 1:
            raise ValueError(
                f"control_every {self.control_every} must be 1 or more and guided_share "
                f"{self.guided_share} in [0, 1]"
            )

    @property
    def is_exact(self) -> bool:
        """Whether nothing is left out."""
        return self.control_every == 1 and self.guided_share == 1


@dataclass(frozen=True, kw_only=True)
class Refinement:
    """A second pass in overlapping tiles over the enlarged image, for detail as fine as the mask's.

    Struts that are thinner than a latent at the first pass's size are painted here.
    """

    side: int = 1536
    """Side in pixels of a square of the largest area painted. Masks below are painted up to their
    own size."""
    strength: float = 0.4
    """How much is painted anew, in (0, 1]."""
    overlap: float = 0.25
    """Share of a tile that neighbours share, in [0, 1)."""
    steps: int = 40
    """Of the whole way; `strength` of them are gone."""

    def __post_init__(self) -> None:
        if not 0 < self.strength <= 1 or not 0 <= self.overlap < 1 or self.steps < 1:
            raise ValueError(
                f"strength {self.strength} must be in (0, 1], overlap {self.overlap} in [0, 1) "
                f"and steps {self.steps} 1 or more"
            )
