"""The metrics of dichotomous image segmentation as one torchmetrics class."""

import torch
from torch import Tensor
from torchmetrics import Metric

from metrics.fixed_point import fixed_mean, to_fixed
from metrics.scores import ImageScores, image_scores


class DISMetrics(Metric):
    """Means over the images of a test set, the same digits for any number of processes.

    One class instead of one a metric, because all of them are functions of one histogram that is
    counted once. States are integer sums (`metrics.fixed_point`), so it does not matter which
    process saw which image, nor in which order.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = None

    num_images: Tensor
    mae: Tensor
    adaptive_f: Tensor
    f: Tensor
    latest: list[ImageScores]
    """Scores of the images of the last `update`, for whoever lists them image by image."""

    def __init__(self) -> None:
        super().__init__()
        zero = torch.zeros((), dtype=torch.int64)
        self.add_state("num_images", zero.clone(), dist_reduce_fx="sum")
        self.add_state("mae", zero.clone(), dist_reduce_fx="sum")
        self.add_state("adaptive_f", zero.clone(), dist_reduce_fx="sum")
        self.add_state("f", torch.zeros(256, dtype=torch.int64), dist_reduce_fx="sum")
        self.latest = []

    def update(
        self, maps: list[Tensor], truths: list[Tensor], weights: list[Tensor | None]
    ) -> None:
        """Score the images of a batch, each at the size of its own truth.

        Args:
            maps: ``(h, w)`` uint8 each.
            truths: ``(h, w)`` uint8 each, foreground above 128.
            weights: ``(h, w)`` uint8 each, 0 ignored; None where every pixel counts.

        Raises:
            ValueError: If the lists differ in length, or a map and its truth in size.
        """
        self.latest = [
            image_scores(prediction, truth, weight)
            for prediction, truth, weight in zip(maps, truths, weights, strict=True)
        ]
        for scores in self.latest:
            self.num_images += 1
            self.mae += to_fixed(torch.tensor(scores.mae, dtype=torch.float64))
            self.adaptive_f += to_fixed(torch.tensor(scores.adaptive_f, dtype=torch.float64))
            self.f += to_fixed(scores.f).to(self.f.device)

    def compute(self) -> dict[str, Tensor]:
        """Return the numbers of `metrics.scores.MEASURES` as ``()`` float64; NaN without images."""
        f = fixed_mean(self.f, self.num_images)
        return {
            "mae": fixed_mean(self.mae, self.num_images),
            "max_f": f.max(),
            "mean_f": f.mean(),
            "adaptive_f": fixed_mean(self.adaptive_f, self.num_images),
        }
