"""Keep a pair only if its counterfactual is the same scene but for the object."""

from datamodules.sample import Sample
from generation.filters.filter import Judgement, Rejection

SCORE = "alignment"
"""Name under which the score is kept."""


class Alignment:
    """Measures how far image and counterfactual differ outside the object.

    The mean absolute difference over all channels of the pixels that the mask leaves to the
    background, of 255. MagicSeg's published pairs differ by 60 to 68, no less than images that have
    nothing to do with each other.

    Args:
        max_difference: Most that a pair may differ, in [0, 255]. At 255 everything is kept, with
            its score.

    Raises:
        ValueError: If the limit is out of range.
    """

    def __init__(self, max_difference: float = 6.0) -> None:
        if not 0 <= max_difference <= 255:
            raise ValueError(f"max_difference is {max_difference}: give a number in [0, 255]")
        self.max_difference = max_difference

    def __call__(self, sample: Sample) -> Rejection | None:
        """Return why the pair is rejected; None keeps it.

        Raises:
            ValueError: If the pair has no counterfactual.
        """
        return self.judge(sample).rejection

    def judge(self, sample: Sample) -> Judgement:
        """Return the verdict with ``alignment``; without it where nothing is outside the object.

        Raises:
            ValueError: If the pair has no counterfactual.
        """
        name = type(self).__name__
        if sample.counterfactual is None:
            raise ValueError(
                f"pair {sample.id!r} has no counterfactual: leave {name} out, or have one made"
            )
        outside = sample.mask == 0
        if not outside.any():
            return Judgement(Rejection(name, "no pixel is outside the object"))
        difference = (sample.image.int() - sample.counterfactual.int()).abs()
        found = float(difference[:, outside].double().mean())
        rejection = None
        if found > self.max_difference:
            reason = f"difference {found:.1f} outside the object is above {self.max_difference:g}"
            rejection = Rejection(name, reason)
        return Judgement(rejection, {SCORE: found})
