"""Procedural scenes with label maps and exact counterfactuals as the source of a generation run."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from datamodules.sample import Sample
from datamodules.seeds import seed_for
from datamodules.synthesis import SynthesisError
from generation.procedural import VERSION, ProceduralScenes

_CROWD = "crowd"


class ProceduralLabels:
    """Scenes of one or two classes with exact labels. A `datamodules.draft_source.DraftSource`.

    The member of MagicSeg's data that needs no weights: image, the same scene without its objects
    and their shadows, byte for byte the same elsewhere, and the class of every pixel. The plan's
    seed draws each scene, so the seed of `scenes` is of no account.

    Args:
        scenes: Draws them; its size and classes count.
        number: Of scenes.
        crowded_share: Of the scenes, in [0, 1], that show objects of two classes side by side.
        counterfactual: Whether each pair has the scene without its objects.

    Raises:
        ValueError: If the number or the share is out of its range, or there is one class alone
            and two are wanted.

    Example:
        >>> source = ProceduralLabels(ProceduralScenes(size=32, classes=["bed", "fan"]), number=1)
        >>> source.draft(source.keys()[0], seed=3).class_names
        ('background', 'bed')
    """

    def __init__(
        self,
        scenes: ProceduralScenes,
        number: int,
        *,
        crowded_share: float = 0.3,
        counterfactual: bool = True,
    ) -> None:
        if number < 1 or not 0 <= crowded_share <= 1:
            raise ValueError(
                f"number of scenes {number} must be 1 or more and crowded_share {crowded_share} "
                "in [0, 1]"
            )
        if crowded_share > 0 and len(scenes.classes) < 2:
            raise ValueError(
                f"crowded_share {crowded_share} wants scenes of two classes and there is only "
                f"{scenes.classes[0]}: give more classes, or 0"
            )
        self.scenes = scenes
        self.number = number
        self.crowded_share = crowded_share
        self.counterfactual = counterfactual

    @property
    def class_names(self) -> Sequence[str]:
        """Of all scenes, each once."""
        return sorted(set(self.scenes.classes))

    def prepare(self) -> None:
        """Do nothing: nothing lies on disk."""

    def fingerprint(self) -> str:
        """Return the version of the scenes."""
        return f"procedural scenes {VERSION}"

    def keys(self) -> Sequence[str]:
        """Return the names of all scenes; classes take turns, and scenes of two lie between."""
        return [f"{self._name(index)}~{index}" for index in range(self.number)]

    def draft(self, key: str, seed: int) -> Sample:
        """Return the labelled scene of a key; nothing is left for a painter to do.

        Raises:
            SynthesisError: If no pixel of it is mostly object, which tiny pictures have.
        """
        own = self.scenes.seeded(seed)
        index = int(key.rpartition("~")[2])
        if key.startswith(_CROWD):
            scene = own.crowd("train", index, num_objects=2)
        else:
            scene = own.spec("train", index)
        return only_visible(own.labelled(scene, counterfactual=self.counterfactual))

    def _name(self, index: int) -> str:
        # hashed, not drawn from the run's seed: keys are there before any seed
        if seed_for(0, _CROWD, index) / 2**63 < self.crowded_share:
            return f"{_CROWD}_train_{index:06d}"
        return self.scenes.id_of("train", index)


def only_visible(sample: Sample) -> Sample:
    """Return a label map whose names are those of labels that occur.

    Raises:
        SynthesisError: If none does.
    """
    found = torch.bincount(sample.mask.flatten().int(), minlength=256) > 0
    kept = [label for label in range(1, len(sample.class_names)) if found[label]]
    if not kept:
        raise SynthesisError("no pixel belongs to an object")
    names = sample.class_names
    mask = _renumbered(sample.mask, kept)
    return replace(sample, mask=mask, class_names=(names[0], *(names[label] for label in kept)))


def _renumbered(mask: Tensor, kept: Sequence[int]) -> Tensor:
    table = torch.arange(256, dtype=torch.uint8)
    for new, old in enumerate(kept, start=1):
        table[old] = new
    return table[mask.int()]
