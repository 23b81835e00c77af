"""What a network returns, whichever it is."""

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(slots=True, kw_only=True, eq=False)
class Outputs:
    """Maps of one forward pass. Letters: B samples, h and w a map's own size."""

    logits: list[Tensor]
    """``(B, 1, h, w)`` float each, any real value. The first one is the result, the others are
    side outputs for deep supervision, at their own resolution."""
    features: list[Tensor] = field(default_factory=list)
    """``(B, C, h, w)`` float each, for feature supervision; empty where a network has none."""
