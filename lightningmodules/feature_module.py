"""What the modules that compare sets by their features have in common."""

from lightning.pytorch import LightningModule

from networks.features import FeatureExtractor, weights_hash


class FeatureModule(LightningModule):
    """Holds an extractor and says which it is; it learns nothing.

    Args:
        features: Makes one feature of each image.
    """

    def __init__(self, features: FeatureExtractor) -> None:
        super().__init__()
        self.features = features

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) that the extractor wants to see."""
        return self.features.size

    @property
    def extractor(self) -> str:
        """Name of the extractor and of where its weights come from."""
        return self.features.name

    @property
    def extractor_hash(self) -> str:
        """What tells this extractor's weights from any other's, see `weights_hash`."""
        return weights_hash(self.features)
