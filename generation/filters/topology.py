"""Keep an edited pair only if its mask has the parts and holes of the mask it was made from."""

from datamodules.sample import Sample
from generation.filters.filter import Rejection
from metrics.topology import betti_numbers

_HALF = 127  # foreground is what is more than half covered


class KeptTopology:
    """Compares the number of parts and of holes, specks left out.

    It needs the source beside the result, so it is asked where both are at hand: by the draft
    sources of photos, and by `generation.edits.edit_chains.EditChains` before anything is painted.
    Another viewpoint may rightly hide a hole.

    Args:
        max_parts_off: Largest difference in the number of parts (b0).
        max_holes_off: Largest difference in the number of holes (b1).

    Raises:
        ValueError: If a limit is below 0.
    """

    def __init__(self, max_parts_off: int = 0, max_holes_off: int = 0) -> None:
        if max_parts_off < 0 or max_holes_off < 0:
            raise ValueError(
                f"max_parts_off {max_parts_off} and max_holes_off {max_holes_off} must be 0 or more"
            )
        self.max_parts_off = max_parts_off
        self.max_holes_off = max_holes_off

    def compare(self, source: Sample, made: Sample) -> Rejection | None:
        """Return why `made` is rejected; None keeps it."""
        before, after = (betti_numbers(s.mask.numpy() > _HALF) for s in (source, made))
        for name, old, new, limit in (
            ("parts", before.components, after.components, self.max_parts_off),
            ("holes", before.holes, after.holes, self.max_holes_off),
        ):
            if abs(old - new) > limit:
                reason = f"{new} {name} for the source's {old}, off by more than {limit}"
                return Rejection(type(self).__name__, reason)
        return None
