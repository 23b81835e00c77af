"""Compare two sets of images: features of each, then distances between the sets."""

from collections.abc import Mapping

from torch import nn

from datamodules.two_folders import SetBatch, TwoFolders
from lightningmodules.feature_module import FeatureModule
from metrics.feature_sets import FeatureSets
from metrics.set_comparison import SetComparison, common_size
from networks.features import FeatureExtractor


class SetSimilarity(FeatureModule):
    """Extracts the features of two sets and compares them; it learns nothing.

    Args:
        features: Makes one feature of each image.
        distances: Between the sets, by the name they have in logs and files.
    """

    def __init__(self, features: FeatureExtractor, distances: dict[str, FeatureSets]) -> None:
        super().__init__(features)
        self.distances = nn.ModuleDict(distances)
        self._comparisons: dict[str, SetComparison] = {}

    @property
    def comparisons(self) -> Mapping[str, SetComparison]:
        """What the last test found, by the names of `distances`."""
        return self._comparisons

    def setup(self, stage: str) -> None:
        """Look whether there are enough images, before any is opened.

        Raises:
            ValueError: If there are too few to compare.
        """
        data: object = self.trainer.datamodule  # type: ignore[attr-defined]  # set, not declared
        if isinstance(data, TwoFolders):
            common_size(*data.num_images)

    def test_step(self, batch: SetBatch, batch_idx: int) -> None:
        """Add the features of a batch to each distance."""
        features = self.features(batch.pixels)
        for distance in self._each().values():
            distance.update(features, batch.places, batch.is_real)

    def on_test_epoch_end(self) -> None:
        """Compare the sets over all processes, and log the distances."""
        self._comparisons = {name: distance.compute() for name, distance in self._each().items()}
        self.log_dict({f"test/{name}": found.value for name, found in self._comparisons.items()})
        for distance in self._each().values():
            distance.reset()

    def _each(self) -> dict[str, FeatureSets]:
        return {n: d for n, d in self.distances.items() if isinstance(d, FeatureSets)}
