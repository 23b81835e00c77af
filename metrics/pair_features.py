"""Features and traits of the pairs of several sets, gathered over all processes."""

import torch
from torch import Tensor
from torchmetrics import Metric


class PairFeatures(Metric):
    """All that is measured of each pair, in the order of the sets, whoever measured it.

    As in `metrics.feature_sets`, the features themselves are the state.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = None

    images: list[Tensor]
    masks: list[Tensor]
    traits: list[Tensor]
    places: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        for name in ("images", "masks", "traits", "places"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, images: Tensor, masks: Tensor, traits: Tensor, places: Tensor) -> None:
        """Add the pairs of a batch.

        Args:
            images: ``(B, D)`` float features of the images.
            masks: ``(B, D')`` float features of the masks.
            traits: ``(B, T)`` float.
            places: ``(B, 2)`` int64, number of the set and place in it.
        """
        self.images.append(images.float())
        self.masks.append(masks.float())
        self.traits.append(traits.float())
        self.places.append(places)

    def compute(self) -> list[dict[str, Tensor]]:
        """Return ``images``, ``masks`` and ``traits`` of each set, sorted by place, on the CPU.

        Raises:
            ValueError: If a pair came twice.
        """
        images, masks, traits, places = (
            # a list while it is this process's own, one tensor once it is gathered
            (state if isinstance(state, Tensor) else torch.cat(state)).cpu()
            for state in (self.images, self.masks, self.traits, self.places)
        )
        found = []
        for number in range(int(places[:, 0].max()) + 1):
            own = (places[:, 0] == number).nonzero()[:, 0]
            order = own[places[own, 1].argsort()]
            if bool((places[order, 1].diff() == 0).any()):
                raise ValueError(
                    "a pair was measured twice: the sampler must not pad with repeats "
                    "(trainer.use_distributed_sampler false)"
                )
            found.append({"images": images[order], "masks": masks[order], "traits": traits[order]})
        return found
