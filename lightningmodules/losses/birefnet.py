"""BiRefNet's losses: of its maps, with other weights at the end of the run, and of its edges.

Zheng et al., "Bilateral Reference for High-Resolution Dichotomous Image Segmentation", CAAI AIR
2024; values and quirks as of the authors' code (ZhengPeng7/BiRefNet, MIT).

Letters: B samples; H, W the batch's size.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from datamodules.batch import Batch
from lightningmodules.losses.maps import BCE, SSIM, IoU, bce
from lightningmodules.losses.supervision import DeepSupervision, Loss, enlarged
from networks.outputs import Outputs

_BATCH_SIZE = 8  # of the published run: the repaired loss of IoU weighs at any as there
_FINEST = 8  # the finest map of edges is the 8th part of what the network saw
_WINDOW = 5  # of the Laplacian


def birefnet_weights(
    step: int, max_steps: int, *, epochs: int, last_epochs: int, repaired: bool
) -> dict[str, float]:
    """Return the factors of the terms of `BiRefNetSupervision` at a step.

    Args:
        step: Optimizer steps done, from 0.
        max_steps: Length of the run; below 1, the end never comes.
        epochs: See `BiRefNetSupervision`.
        last_epochs: See `BiRefNetSupervision`.
        repaired: See `BiRefNetSupervision`.
    """
    of_iou = 0.5 * _BATCH_SIZE if repaired else 0.5
    into_end = step * epochs // max(max_steps, 1) - (epochs - last_epochs)
    if max_steps < 1 or into_end < 0:
        return {"bce": 30.0, "iou": of_iou, "ssim": 10.0}
    num_halvings = 1 if repaired else 1 + into_end
    return {"bce": 0.0, "iou": of_iou * 0.5**num_halvings, "ssim": 10.0}


class BiRefNetSupervision(Loss):
    """``30 BCE + 0.5 IoU + 10 SSIM`` over every map, and regions and structure alone at the end.

    As released, the IoU is summed over the images of a batch where the others are averaged, so its
    share grows with the batch; and at the end of the run, where BCE is left out, its factor is
    halved at every epoch anew, so that within ten epochs nothing but SSIM is left.

    Args:
        epochs: Parts that the run is divided into, as long as it may be; published for DIS5K: 500.
        last_epochs: How many of them are the end; 0 for none.
        repaired: Average the IoU, by a factor that is the published one at its batch of 8, and
            halve it once.

    Raises:
        ValueError: If the end is longer than the run.
    """

    def __init__(self, epochs: int = 500, last_epochs: int = 40, *, repaired: bool = False) -> None:
        super().__init__()
        if not 0 <= last_epochs <= epochs or epochs < 1:
            raise ValueError(
                f"last_epochs {last_epochs} must be 0 to epochs {epochs}, and epochs 1 or more"
            )
        self.epochs = epochs
        self.last_epochs = last_epochs
        self.repaired = repaired
        self.maps = DeepSupervision(
            {"bce": BCE(), "iou": IoU(smooth=0.0, is_summed=not repaired), "ssim": SSIM()},
            self._weights(0, 0),
            align_corners=True,
        )

    def begin_step(self, step: int, max_steps: int) -> None:
        """Weigh the terms as this step asks."""
        self.maps.weights = self._weights(step, max_steps)

    def forward(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Return the terms ``bce``, ``iou`` and ``ssim``, summed over the maps."""
        terms: dict[str, Tensor] = self.maps(outputs, batch)
        return terms

    def _weights(self, step: int, max_steps: int) -> dict[str, float]:
        return birefnet_weights(
            step,
            max_steps,
            epochs=self.epochs,
            last_epochs=self.last_epochs,
            repaired=self.repaired,
        )


class EdgeSupervision(Loss):
    """Cross-entropy between BiRefNet's maps of edges and the image's edges inside its object.

    The target is ``sigmoid(L(g) m)``: L the Laplacian of the grey image g, m the logits of the side
    map at the same level. As released, m is not cut off: the term draws on the side maps too.

    Args:
        std: By which the network's input divides each channel; of it g is the mean.
        weight: Factor of the term.

    Raises:
        ValueError: In forward, if the network has no maps of edges beside its side maps.
    """

    std: Tensor

    def __init__(self, std: Sequence[float] = (0.229, 0.224, 0.225), weight: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)
        self.weight = weight

    def forward(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Return the term ``edges``, summed over the levels."""
        sides, edges = outputs.logits[1:], outputs.features
        if not edges or len(sides) != len(edges) or any(x.shape[1] != 1 for x in edges):
            raise ValueError(
                f"{len(edges)} feature maps for {len(sides)} side maps: EdgeSupervision needs "
                "networks.birefnet.BiRefNet, which returns a map of edges for each"
            )
        # what the network normalised less a constant, which a Laplacian does not see
        lines = laplacian((batch.image.float() / self.std).mean(1, keepdim=True))
        height, width = lines.shape[2:]
        # the network may have seen the image continued to the right and below
        seen = torch.Size(_FINEST * length for length in edges[0].shape[2:])
        terms: list[Tensor] = []
        for side, edge in zip(sides, edges, strict=True):
            target = lines * enlarged(side, lines.shape[2:], align_corners=True)
            found = enlarged(edge, seen, align_corners=True)[..., :height, :width]
            terms.append(bce(found, target.sigmoid(), batch.weight))
        return {"edges": self.weight * torch.stack(terms).sum()}


def laplacian(grey: Tensor) -> Tensor:
    """Return the sum of the neighbours in 5 x 5 less 24 times the pixel, over 48.

    Args:
        grey: ``(B, 1, H, W)`` float, of 3 px at least; mirrored at the border.
    """
    around = F.pad(grey, (_WINDOW // 2,) * 4, mode="reflect")
    area = _WINDOW**2
    difference = area * (F.avg_pool2d(around, _WINDOW, stride=1) - grey)
    return difference / (2 * (area - 1))
