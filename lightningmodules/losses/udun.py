"""UDUN's losses: of the mask, of its trunk and of its structure.

Pei et al., "Unite-Divide-Unite", ACM MM 2023; trunk and structure as in Wei et al., "Label
Decoupling Framework for Salient Object Detection", CVPR 2020.

Letters: B samples; H, W the batch's size.
"""

import cv2
import numpy as np
import torch
from torch import Tensor

from datamodules.batch import Batch
from lightningmodules.losses.maps import bce, iou
from lightningmodules.losses.supervision import Loss, enlarged
from networks.outputs import Outputs

_NUM_MAPS = 3


def trunk_of(mask: Tensor) -> Tensor:
    """Return how deep inside the object each pixel lies, from 0 outside to 1 at the deepest.

    The root of the distance to the outside of the mask, which is blurred over 5 x 5 px first,
    by its largest value, in steps of 1/255. The structure is ``mask - trunk``.

    Args:
        mask: ``(B, 1, H, W)`` float in [0, 1].

    Returns:
        ``(B, 1, H, W)`` float32 in [0, 1], on the device of `mask`.
    """
    planes = (mask.detach()[:, 0] * 255).round().to(torch.uint8).cpu().numpy()
    depths: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = []
    for plane in planes:
        distance = cv2.distanceTransform(cv2.blur(plane, (5, 5)), cv2.DIST_L2, cv2.DIST_MASK_5)
        root = np.sqrt(distance)
        deepest = root.max()
        depths.append(np.floor(root / deepest * 255) / 255 if deepest else root)
    return torch.from_numpy(np.stack(depths)).float().unsqueeze(1).to(mask.device)


class UDUNSupervision(Loss):
    """``(BCE(mask) + IoU(mask) + BCE(trunk) + BCE(structure)) / 2``.

    The targets of trunk and structure are made of the batch's mask, on the CPU. The authors
    make them of the whole masks beforehand and reduce them.
    """

    def forward(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Return the terms ``bce``, ``iou``, ``trunk`` and ``structure``.

        Raises:
            ValueError: If the network has not three maps.
        """
        if len(outputs.logits) != _NUM_MAPS:
            raise ValueError(
                f"{len(outputs.logits)} maps: UDUNSupervision needs those of networks.udun.UDUN, "
                "mask, trunk and structure"
            )
        size = batch.mask.shape[-2:]
        mask, trunk, structure = [enlarged(x, size, align_corners=False) for x in outputs.logits]
        depth = trunk_of(batch.mask)
        rest = (batch.mask - depth).clamp(0, 1)
        return {
            "bce": bce(mask, batch.mask, batch.weight) / 2,
            "iou": iou(mask, batch.mask, batch.weight) / 2,
            "trunk": bce(trunk, depth, batch.weight) / 2,
            "structure": bce(structure, rest, batch.weight) / 2,
        }
