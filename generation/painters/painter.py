"""What a painter is: an image for an edited mask."""

from typing import Protocol

from datamodules.sample import Sample
from datamodules.synthesis import SynthesisError
from generation.edits.warp import Warp


class PaintError(SynthesisError):
    """A pair that cannot be painted; the message says why."""


class Painter(Protocol):
    """Makes the image of an edited mask, as a function of its arguments alone."""

    def paint(
        self,
        sample: Sample,
        edited: Sample,
        *,
        warp: Warp,
        background: Sample | None,
        seed: int,
    ) -> Sample:
        """Return the edited pair with an image painted for its mask.

        Args:
            sample: The source, a photo and its mask.
            edited: The same object with another mask, of the same size. It may be `sample` itself.
                Its image may be that of `sample`, not moved: it is not looked at.
            warp: Where the pixels of the edited mask come from in the source.
            background: Another pair, whose background is taken; None keeps the source's.
            seed: Of all randomness.

        Returns:
            A new sample with the mask of `edited`, byte for byte, and an id of its own.

        Raises:
            PaintError: If the pair cannot be painted.
        """
        ...
