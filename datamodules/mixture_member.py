"""What every folder of finished pairs has in common as a member of a mixture."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class MixtureMember:
    """A folder that synthetic pairs are drawn from.

    Args:
        root: The folder.
        weight: How often its pairs are drawn, relative to 1 for pairs made on the fly.

    Raises:
        ValueError: If the weight is not above 0.
    """

    root: Path
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise ValueError(
                f"{type(self).__name__} {self.root}: weight {self.weight} must be above 0; leave "
                "the folder out instead"
            )
