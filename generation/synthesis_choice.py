"""Several ways to make a pair, one of which is chosen for each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datamodules.sample import Sample
from datamodules.seeds import seed_for
from datamodules.synthesis import DrawOther, PairSynthesis


@dataclass(frozen=True, kw_only=True)
class WeightedSynthesis:
    """One way to make a pair, and how often it is chosen.

    Args:
        synthesis: Makes the pairs.
        weight: Relative to the other members.

    Raises:
        ValueError: If the weight is not above 0.
    """

    synthesis: PairSynthesis
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise ValueError(f"member of a choice: weight {self.weight} must be above 0")


class SynthesisChoice:
    """Makes each pair by one of several syntheses. A `datamodules.synthesis.PairSynthesis`.

    For what one `generation.pair_synthesis.EditedPairs` cannot mix, since all of its chains have
    one painter, one share of new backgrounds and the same filters: painted and unpainted edits,
    a filter for one kind of edit alone, or original masks on new backgrounds beside edits that
    keep theirs. A choice may be a member of another one.

    Args:
        members: One of them is chosen by weight for each pair.

    Raises:
        ValueError: If there is no member.

    Example:
        Two thirds of the pairs are edits that move the whole photo, a third shows the mask as it
        is on another training photo.

        >>> from generation.edits.diffeomorphism import Diffeomorphism
        >>> from generation.painters.warp_painter import WarpPainter
        >>> from generation.pair_synthesis import Chain, EditedPairs
        >>> moved = EditedPairs([Chain(edits=[Diffeomorphism()])])
        >>> on_another = EditedPairs([Chain(edits=[])], painter=WarpPainter())
        >>> pairs = SynthesisChoice(
        ...     [
        ...         WeightedSynthesis(synthesis=moved, weight=2.0),
        ...         WeightedSynthesis(synthesis=on_another),
        ...     ]
        ... )
    """

    def __init__(self, members: Sequence[WeightedSynthesis]) -> None:
        if not members:
            raise ValueError("choice of syntheses: give at least one member")
        self.members = list(members)
        weights = [member.weight for member in self.members]
        self._edges = np.cumsum(weights[:-1]) / sum(weights)

    def synthesise(self, sample: Sample, seed: int, draw_other: DrawOther) -> Sample:
        """Return the pair that the chosen member makes, a function of the arguments alone.

        The member gets the same seed: alone, it would make the same pair.

        Raises:
            SynthesisError: If that member cannot; the others are not asked, for they would then be
                chosen more often than their weights say.
        """
        place = seed_for(seed, "either") / 2**63
        member = self.members[int(np.searchsorted(self._edges, place, side="right"))]
        return member.synthesis.synthesise(sample, seed, draw_other)
