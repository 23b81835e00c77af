"""What the mixture asks of a generator that is given to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from datamodules.sample import Sample

DrawOther = Callable[[int], Sample]
"""Called with a seed, returns another training sample, at the size of the one in hand."""


class SynthesisError(ValueError):
    """No pair could be made of this sample with this seed; another seed may do.

    The message says why, in a few words without the id: it is what the list of failures shows.
    """


class PairSynthesis(Protocol):
    """Makes a new pair of a training pair, inside a DataLoader worker.

    A DataModule receives it by ``class_path``: data modules never import generators.
    """

    def synthesise(self, sample: Sample, seed: int, draw_other: DrawOther) -> Sample:
        """Return a pair made of `sample`, a function of the arguments alone.

        Args:
            sample: A training pair at the working size, see `Pairs.training_sample`.
            seed: Of every choice and of all noise.
            draw_other: For what another photo gives, a background for one; training pairs only.

        Returns:
            A sample whose ``provenance.parents`` are the ids of all it was made from.

        Raises:
            SynthesisError: If nothing usable came of this seed.
        """


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Synthesised:
    """What came of a training pair that a synthetic one was to be made of."""

    source: Sample
    """The pair at the working size."""
    size: tuple[int, int]
    """(height, width) of its files: the working size may be squeezed."""
    made: Sample | None = None
    """None: every attempt failed."""
    failure: str = ""
    """Why; empty where a pair was made."""
