"""A source of tiny pairs, imported by class path too."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from datamodules.generation_plan import PlanItem, PlanShard
from datamodules.sample import MaskKind, Provenance, Sample
from datamodules.seeds import generator_for
from datamodules.synthesis import SynthesisError


def toy_sample(
    id: str = "toy~0", seed: int = 0, *, size: tuple[int, int] = (5, 7), whole: bool = False
) -> Sample:
    """A sample of noise; `whole` fills every field with something of its own."""
    random = generator_for(seed, id)
    image, other = (
        torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=random) for _ in range(2)
    )
    mask, weight = (
        torch.randint(0, 256, size, dtype=torch.uint8, generator=random) for _ in range(2)
    )
    return Sample(
        id=id,
        image=image,
        mask=mask,
        mask_kind=MaskKind.LABELS if whole else MaskKind.ALPHA,
        class_names=("background", "Stuhl \u00e4") if whole else ("toy",),
        provenance=Provenance(
            source="toy",
            revision="3",
            config="c0ffee",
            parents=("DIS-TR/a", "DIS-TR/b"),
            licence="CC0-1.0",
            edits=("view(azimuth=3)",),
            models=("net@1",),
        )
        if whole
        else Provenance(source="toy", licence="CC0-1.0"),
        prompt="a chair, no table" if whole else "",
        seed=2**63 - 1 if whole else seed,
        weight=weight if whole else None,
        counterfactual=other if whole else None,
    )


def toy_shard(*ids: str, number: int = 0) -> PlanShard:
    items = tuple(PlanItem(id=id, key=f"{id}~key", seed=k) for k, id in enumerate(ids))
    return PlanShard(id=f"{number:06d}-toy", items=items)


class ToyDrafts:
    """Pairs of noise; every `failing`-th fails, every `blank`-th has a blank image.

    Args:
        number: Of pairs.
        failing: 0 for none.
        inputs: The fingerprint.
        blank: 0 for none.
    """

    def __init__(
        self, number: int = 5, failing: int = 0, inputs: str = "toys", *, blank: int = 0
    ) -> None:
        self.number = number
        self.failing = failing
        self.blank = blank
        self.inputs = inputs

    def prepare(self) -> None:
        """Nothing lies on disk."""

    def fingerprint(self) -> str:
        return self.inputs

    def keys(self) -> Sequence[str]:
        return [f"toy{k}~{k}" for k in range(self.number)]

    def draft(self, key: str, seed: int) -> Sample:
        number = int(key.rpartition("~")[2])
        if self.failing and number % self.failing == 0:
            raise SynthesisError("it is on\nthe list")
        sample = toy_sample(key, seed)
        if self.blank and number % self.blank == 0:
            return replace(sample, image=torch.full_like(sample.image, 90))
        return sample
