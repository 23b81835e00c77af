"""Map losses on drawn points, most of them where the network is in doubt.

Kirillov et al., "PointRend: Image Segmentation as Rendering", CVPR 2020; so was SAM-HQ trained (Ke
et al., "Segment Anything in High Quality", NeurIPS 2023). Large maps are compared at a fixed cost.

Letters: B samples; P points; H, W the batch's size; h, w a map's own size.
"""

from math import inf

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from datamodules.batch import Batch
from lightningmodules.losses.maps import MapLoss
from lightningmodules.losses.supervision import Loss
from networks.outputs import Outputs


class PointSupervision(Loss):
    """Map losses over points of every map; published for SAM-HQ: BCE and Dice of 112 x 112.

    In training the points follow torch's generator, which the training seeds at each step.
    Otherwise they are the same at each call.

    Args:
        terms: Map losses by the names they are logged under.
        num_points: Of each map and image.
        oversample: So many times as many are drawn, of which the most doubtful are kept.
        doubtful: Share of the points that is taken from those; the rest are drawn anew.

    Raises:
        ValueError: If there are no `terms`, or a number is out of its range.
    """

    def __init__(
        self,
        terms: dict[str, MapLoss],
        num_points: int = 12544,
        *,
        oversample: float = 3.0,
        doubtful: float = 0.75,
    ) -> None:
        super().__init__()
        if not terms or num_points < 1 or oversample < 1 or not 0 <= doubtful <= 1:
            raise ValueError(
                f"terms {sorted(terms)}: give at least one; num_points {num_points} and oversample "
                f"{oversample} must be 1 or more, doubtful {doubtful} in [0, 1]"
            )
        self.terms = nn.ModuleDict(terms)
        self.num_points = num_points
        self.oversample = oversample
        self.doubtful = doubtful

    def forward(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Return each term, summed over the maps."""
        seed = int(torch.randint(2**62, ())) if self.training else 0
        generator = torch.Generator().manual_seed(seed)
        drawn = [self._drawn(logits, batch, generator) for logits in outputs.logits]
        return {
            name: torch.stack([term(*x) for x in drawn]).sum() for name, term in self.terms.items()
        }

    def _drawn(
        self, logits: Tensor, batch: Batch, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, mask and weight at the points, ``(B, 1, P, 1)`` each."""
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        points = self._points(logits.detach(), batch.weight, generator)
        mask, weight = at_points(batch.mask, points), at_points(batch.weight, points)
        return at_points(logits, points), mask, weight

    def _points(self, logits: Tensor, weight: Tensor, generator: torch.Generator) -> Tensor:
        count = round(self.doubtful * self.num_points)
        many = _uniform(len(logits), int(self.oversample * self.num_points), generator, logits)
        # of the map at the point, not of the map and then at the point: between a certain yes and
        # a certain no lies a doubt
        doubt = -at_points(logits, many).abs()
        doubt = doubt.masked_fill(at_points(weight, many) == 0, -inf)
        places = doubt.flatten(1).topk(count, dim=1).indices
        chosen = many.gather(1, places[..., None].expand(-1, -1, 2))
        rest = _uniform(len(logits), self.num_points - count, generator, logits)
        return torch.cat([chosen, rest], 1)


def at_points(x: Tensor, points: Tensor) -> Tensor:
    """Return a map's values between its pixels, bilinear, ``(B, C, P, 1)``.

    Args:
        x: ``(B, C, h, w)`` float.
        points: ``(B, P, 2)`` float in [0, 1]: x and y as shares of width and height. Beyond the
            centres of the pixels at the border the map goes on as it ends.
    """
    grid = 2 * points.to(x.dtype).unsqueeze(2) - 1
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _uniform(batch: int, count: int, generator: torch.Generator, like: Tensor) -> Tensor:
    return torch.rand(batch, count, 2, generator=generator).to(like.device)
