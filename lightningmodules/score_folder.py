"""Score maps that were predicted elsewhere: a test without a network."""

from lightning.pytorch import LightningModule
from torch import Tensor

from datamodules.prediction_views import PredictionBatch
from lightningmodules.skeleton_cache import thinner_of
from metrics.dis import DISMetrics
from metrics.quantise import resize, to_uint8
from metrics.scores import Evaluated


class ScoreFolder(LightningModule):
    """Scores the predictions that a batch brings along; it has nothing to learn.

    Args:
        variants: Whether the other definitions of the literature are logged too, see
            `metrics.measures.VARIANTS`.
        skeletons: Folder that keeps the truths' skeletons for the next test on them. Null computes
            them each time.
    """

    def __init__(
        self, *, variants: bool = False, skeletons: str | None = "data/cache/skeletons"
    ) -> None:
        super().__init__()
        self.metrics = DISMetrics(variants=variants, thinner=thinner_of(skeletons))

    # Lightning hands whatever a step returns to the callbacks, its annotation says less.
    def test_step(self, batch: PredictionBatch, batch_idx: int) -> Evaluated:  # type: ignore[override]
        """Score the batch at the truths' own sizes."""
        maps = [at_size(map, size) for map, size in zip(batch.prediction, batch.size, strict=True)]
        truths = [truth for truth in batch.truth if truth is not None]
        self.metrics.update(maps, truths, batch.truth_weight)
        return Evaluated(maps=maps, scores=self.metrics.latest)

    def on_test_epoch_end(self) -> None:
        """Log the scores over all images and ranks."""
        scores = {f"test/{name}": value for name, value in self.metrics.compute().items()}
        self.log_dict(scores, prog_bar=True)
        self.metrics.reset()


def at_size(map: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a stored map at the size of its truth, by the rule that networks' maps follow.

    Args:
        map: ``(H, W)`` uint8.
        size: ``(h, w)`` of the truth.

    Returns:
        ``(h, w)`` uint8; the argument itself where the size fits.
    """
    return map if tuple(map.shape) == size else to_uint8(resize(map.float() / 255, size))
