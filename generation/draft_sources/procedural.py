"""Procedural scenes as the source of a generation run."""

from collections.abc import Sequence

from datamodules.sample import Sample
from generation.objects import GROUPS
from generation.procedural import VERSION, ProceduralScenes


class ProceduralDrafts:
    """Scenes of the training split with exact masks. A `datamodules.draft_source.DraftSource`.

    The plan's seed draws each scene, so the seed of `scenes` is of no account.

    Args:
        scenes: Draws them; its size and classes count.
        number: Of scenes.
        counterfactual: Whether each pair has the scene without its object too.

    Raises:
        ValueError: If the number is below 1.

    Example:
        >>> drafts = ProceduralDrafts(ProceduralScenes(size=32, classes=["chair"]), number=2)
        >>> drafts.keys()
        ['1#Furniture#3#Chair#chair_train_000000~0', '1#Furniture#3#Chair#chair_train_000001~1']
    """

    def __init__(
        self, scenes: ProceduralScenes, number: int, *, counterfactual: bool = False
    ) -> None:
        if number < 1:
            raise ValueError(f"number of scenes is {number}: give 1 or more")
        self.scenes = scenes
        self.number = number
        self.counterfactual = counterfactual

    @property
    def class_names(self) -> Sequence[str]:
        """Of all scenes, each once."""
        return sorted(set(self.scenes.classes[: self.number]))

    def prepare(self) -> None:
        """Do nothing: nothing lies on disk."""

    def fingerprint(self) -> str:
        """Return the version of the scenes."""
        return f"procedural scenes {VERSION}"

    def keys(self) -> Sequence[str]:
        """Return the names of all scenes; classes take turns."""
        classes = self.scenes.classes
        names = [classes[index % len(classes)] for index in range(self.number)]
        return [f"{GROUPS[n]}#{n}_train_{index:06d}~{index}" for index, n in enumerate(names)]

    def draft(self, key: str, seed: int) -> Sample:
        """Return the pair of a scene; nothing is left for a painter to do."""
        own = ProceduralScenes(size=self.scenes.size, classes=self.scenes.classes, seed=seed)
        scene = own.spec("train", int(key.rpartition("~")[2]))
        return own.sample(scene, counterfactual=self.counterfactual)
