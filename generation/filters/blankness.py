"""Reject pairs with nothing to see: a blank image, no object, or nothing but the object."""

from datamodules.sample import MaskKind, Sample
from generation.filters.filter import Judgement, Rejection

_HALF = 127  # foreground is what is more than half covered
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, of R, G and B


class Blankness:
    """Measures how much an image varies and how much of it the object takes.

    A painter that refuses or fails often answers with one flat colour.

    Args:
        min_deviation: Least standard deviation of the grey levels, of 255.
        min_object: Least share of the image that the object covers.
        max_object: Largest one.

    Raises:
        ValueError: If a limit is out of range.
    """

    def __init__(
        self,
        min_deviation: float = 4.0,
        *,
        min_object: float = 0.001,
        max_object: float = 0.98,
    ) -> None:
        if min_deviation < 0 or not 0 <= min_object < max_object <= 1:
            raise ValueError(
                f"min_deviation {min_deviation} must be 0 or more, and min_object {min_object} and "
                f"max_object {max_object} shares in ascending order"
            )
        self.min_deviation = min_deviation
        self.min_object = min_object
        self.max_object = max_object

    def __call__(self, sample: Sample) -> Rejection | None:
        """Return why the pair is rejected; None keeps it."""
        return self.judge(sample).rejection

    def judge(self, sample: Sample) -> Judgement:
        """Return the verdict with ``grey_deviation`` (of 255) and ``object_share``.

        In a mask of labels everything that is neither background nor void is object.
        """
        image = sample.image.float()
        grey = sum(weight * plane for weight, plane in zip(_LUMA, image, strict=True))
        assert not isinstance(grey, int)
        deviation = float(grey.std(correction=0))
        if sample.mask_kind is MaskKind.ALPHA:
            is_object = sample.mask > _HALF
        else:
            is_object = (sample.mask > 0) & (sample.mask < 255)
        share = float(is_object.float().mean())
        scores = {"grey_deviation": deviation, "object_share": share}
        return Judgement(self._rejection(deviation, share), scores)

    def _rejection(self, deviation: float, share: float) -> Rejection | None:
        name = type(self).__name__
        if deviation < self.min_deviation:
            reason = f"grey levels deviate by {deviation:.2f}, less than {self.min_deviation:g}"
            return Rejection(name, reason)
        if share < self.min_object:
            return Rejection(name, f"the object covers {share:.5f}, less than {self.min_object:g}")
        if share > self.max_object:
            return Rejection(name, f"the object covers {share:.5f}, more than {self.max_object:g}")
        return None
