"""Features of a real and a generated set, gathered over all processes, in an order of their own."""

from abc import abstractmethod

import torch
from torch import Tensor
from torchmetrics import Metric

from metrics.set_comparison import SetComparison


class FeatureSets(Metric):
    """Base of the distances between two sets of images.

    A distance of sets is no mean over images, so the features themselves are the state: 4 bytes
    times D for each image, on every process once they are gathered. They are sorted by the place of
    their image before anything is computed from them: it does not matter which process saw which
    image, nor in which order.

    Args:
        num_draws: Of random subsets, for the spread and the floor.
        seed: Of these draws.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = False

    features: list[Tensor]
    places: list[Tensor]
    is_real: list[Tensor]

    def __init__(self, *, num_draws: int = 50, seed: int = 0) -> None:
        super().__init__()
        self.num_draws = num_draws
        self.seed = seed
        for name in ("features", "places", "is_real"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, features: Tensor, places: Tensor, is_real: Tensor) -> None:
        """Add the images of a batch.

        Args:
            features: ``(B, D)`` float, any real value.
            places: ``(B,)`` int64, the place of each image in the list of its set.
            is_real: ``(B,)`` bool.
        """
        self.features.append(features.float())
        self.places.append(places)
        self.is_real.append(is_real)

    def compute(self) -> SetComparison:
        """Compare the two sets.

        Raises:
            ValueError: If there are too few images, or an image came twice.
        """
        real, generated = self.sets()
        return self.compare(real, generated, torch.Generator().manual_seed(self.seed))

    @abstractmethod
    def compare(self, real: Tensor, generated: Tensor, generator: torch.Generator) -> SetComparison:
        """Compare ``(N, D)`` with ``(M, D)`` float32."""

    def sets(self) -> tuple[Tensor, Tensor]:
        """Return the features of the real and of the generated images, sorted by place.

        Raises:
            ValueError: If an image came twice.
        """
        features, places, is_real = (
            # a list while it is this process's own, one tensor once it is gathered
            state if isinstance(state, Tensor) else torch.cat(state)
            for state in (self.features, self.places, self.is_real)
        )
        real, generated = (
            _sorted(features[chosen], places[chosen]) for chosen in (is_real, ~is_real)
        )
        return real, generated


def _sorted(features: Tensor, places: Tensor) -> Tensor:
    order = places.argsort()
    if bool((places[order].diff() == 0).any()):
        raise ValueError(
            "an image was compared twice: the sampler must not pad with repeats "
            "(trainer.use_distributed_sampler false)"
        )
    return features[order]
