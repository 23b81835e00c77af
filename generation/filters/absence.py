"""Keep a pair only if its counterfactual does not show the object."""

from torch import nn

from datamodules.sample import Sample
from generation.filters.filter import Judgement, Rejection
from generation.labelers.detector import Detector
from generation.labelers.labeler import shown_classes

SCORE = "absence"
"""Name under which the score is kept."""


class Absence:
    """Asks a detector for the pair's classes in its counterfactual.

    The score is 1 less the highest score of any of them: the object is absent where it is above 1
    less the detector's threshold, .7 for Grounding DINO's .3.

    Args:
        detector: Such as `generation.labelers.grounding_dino.GroundingDino`.
        min_absence: Least score, in [0, 1]. Null: 1 less the detector's threshold. At 0 everything
            is kept, with its score.

    Raises:
        ValueError: If the limit is out of range.
    """

    def __init__(self, detector: Detector, *, min_absence: float | None = None) -> None:
        if min_absence is not None and not 0 <= min_absence <= 1:
            raise ValueError(f"min_absence is {min_absence}: give a number in [0, 1]")
        self.detector = detector
        self.min_absence = 1 - detector.threshold if min_absence is None else min_absence
        if isinstance(detector, nn.Module):
            self.net: nn.Module = detector  # by this name it is moved to the device

    def __call__(self, sample: Sample) -> Rejection | None:
        """Return why the pair is rejected; None keeps it.

        Raises:
            ValueError: If the pair has no counterfactual, or a name cannot be looked for.
        """
        return self.judge(sample).rejection

    def judge(self, sample: Sample) -> Judgement:
        """Return the verdict with ``absence``.

        Raises:
            ValueError: If the pair has no counterfactual, or a name cannot be looked for.
        """
        name = type(self).__name__
        if sample.counterfactual is None:
            raise ValueError(
                f"pair {sample.id!r} has no counterfactual: leave {name} out, or have one made"
            )
        names = shown_classes(sample)
        (found,) = self.detector.detect([sample.counterfactual], [names])
        score, place = found.best.max(0)
        absence = 1 - float(score)
        rejection = None
        if absence < self.min_absence:
            reason = (
                f"{names[int(place)]} is still found in the counterfactual: absence {absence:.3f} "
                f"is below {self.min_absence:g}"
            )
            rejection = Rejection(name, reason)
        return Judgement(rejection, {SCORE: absence})
