"""A generator for tiny runs, imported by class path, in this process or in workers."""

from dataclasses import replace

from datamodules.sample import Provenance, Sample
from datamodules.seeds import seed_for
from datamodules.synthesis import DrawOther, SynthesisError


class Negative:
    """Inverts the photo; a sample whose number is in `failing` always fails.

    Args:
        failing: Last three characters of ids.
    """

    def __init__(self, failing: list[str]) -> None:
        self.failing = failing

    def synthesise(self, sample: Sample, seed: int, draw_other: DrawOther) -> Sample:
        if sample.id[-3:] in self.failing:
            raise SynthesisError("it is on the list")
        return replace(
            sample,
            id=f"{sample.id}~negative-{seed_for(seed, 'id') % 1000}",
            image=255 - sample.image,
            provenance=Provenance(source="negative", parents=(sample.id,)),
        )
