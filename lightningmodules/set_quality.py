"""Score sets of pairs against a real one: features and traits of each pair, then all measures."""

from collections.abc import Mapping

import torch
from torch import Tensor

from datamodules.pair_sets import PairBatch, PairSets
from lightningmodules.feature_module import FeatureModule
from metrics.feature_scores import Recipe
from metrics.mask_traits import as_numbers, traits_of
from metrics.pair_features import PairFeatures
from metrics.synthetic import DescribedSet, SetQuality, require_enough, score_set
from networks.features import FeatureExtractor


class PairSetQuality(FeatureModule):
    """Extracts the features of images and masks of all sets and scores the sets; learns nothing.

    Args:
        features: Makes one feature of each image, and of each mask.
        recipe: How much is drawn.
    """

    def __init__(self, features: FeatureExtractor, *, recipe: Recipe | None = None) -> None:
        super().__init__(features)
        self.recipe = Recipe() if recipe is None else recipe
        self.gathered = PairFeatures()
        self._described: dict[str, DescribedSet] = {}
        self._qualities: dict[str, SetQuality] = {}

    @property
    def described(self) -> Mapping[str, DescribedSet]:
        """What the last test measured of each set, by its name, the real one first."""
        return self._described

    @property
    def qualities(self) -> Mapping[str, SetQuality]:
        """What the last test found of each set but the real one; on the first process alone."""
        return self._qualities

    def setup(self, stage: str) -> None:
        """Look whether there are enough pairs, before any is opened.

        Raises:
            ValueError: If there are too few, or the data are no sets of pairs.
        """
        real, *others = (len(source.entries) for source in self._data().sources.values())
        for num in others:
            require_enough(real, num)

    def test_step(self, batch: PairBatch, batch_idx: int) -> None:
        """Measure the pairs of a batch."""
        traits = [as_numbers(traits_of(outline)) for outline in batch.outlines]
        self.gathered.update(
            self.features(batch.images),
            self.features(batch.masks),
            torch.tensor(traits, device=self.device),
            batch.places,
        )

    def on_test_epoch_end(self) -> None:
        """Score the sets, on the first process."""
        measured = self.gathered.compute()
        self.gathered.reset()
        if not self.trainer.is_global_zero:
            return
        self._described = {
            name: _described(name, of_set, self._data())
            for name, of_set in zip(self._data().sources, measured, strict=True)
        }
        names = list(self._described)
        real = self._described[names[0]]
        self._qualities = {
            name: score_set(real, self._described[name], self.recipe) for name in names[1:]
        }

    def _data(self) -> PairSets:
        data: object = self.trainer.datamodule  # type: ignore[attr-defined]  # set, not declared
        if not isinstance(data, PairSets):
            raise ValueError(
                f"{type(self).__name__} scores datamodules.pair_sets.PairSets, got "
                f"{type(data).__name__}"
            )
        return data


def _described(name: str, measured: Mapping[str, Tensor], data: PairSets) -> DescribedSet:
    entries = data.sources[name].entries
    return DescribedSet(
        features={"images": measured["images"], "masks": measured["masks"]},
        traits=measured["traits"].double(),
        class_names=[entry.class_name for entry in entries],
        groups=[entry.group for entry in entries],
    )
