"""The official code of published DIS networks, from checkouts outside this repository.

A folder holds the repositories under their own names: ``DIS`` (xuebinqin, Apache-2.0), ``U-2-Net``
(xuebinqin, Apache-2.0) and ``BiRefNet`` (ZhengPeng7, MIT; in its ``config.py`` `bb` is set to
swin_v1_t, as its authors do it; it imports kornia and einops). Two of them have a package
``models``: one process loads one of them.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from networks.outputs import Outputs

OFFICIAL = {
    "isnet": ("DIS/IS-Net", "models.isnet", "ISNetDIS"),
    "u2net": ("U-2-Net", "model.u2net", "U2NET"),
    "u2netp": ("U-2-Net", "model.u2net", "U2NETP"),
    "birefnet": ("BiRefNet", "models.birefnet", "BiRefNet"),
}
"""Folder below the checkouts, module and class."""
_EPS = 1e-6  # a probability of 0 or 1 has no logit


class Official(nn.Module):
    """An official network whose maps come as ours do.

    Args:
        name: Of `OFFICIAL`.
        folder: Of the checkouts.
    """

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__()
        place, module, network = OFFICIAL[name]
        sys.path.insert(0, str(folder / place))
        build = getattr(import_module(module), network)
        self.name = name
        self.net: nn.Module = build(bb_pretrained=False) if name == "birefnet" else build()

    def forward(self, image: Tensor) -> Outputs:
        """Return logits and features in the order of ours.

        IS-Net and U-2-Net give probabilities, which are turned back; our losses take logits.
        """
        found = self.net(image)
        if self.name == "isnet":
            return Outputs(logits=_logits(found[0]), features=list(found[1]))
        if self.name != "birefnet":
            return Outputs(logits=_logits(found))
        if not self.training:
            return Outputs(logits=[found[-1]])
        ((edges, _), maps), _ = found
        return Outputs(logits=maps[::-1], features=edges[::-1])


def largest_difference(official: Official, ours: nn.Module, image: Tensor) -> float:
    """Return the largest difference of the probabilities, with the official weights in both.

    Args:
        official: Keeps its weights.
        ours: Is given them, strictly.
        image: ``(B, 3, H, W)`` float.
    """
    ours.load_state_dict(official.net.state_dict())
    official.eval()
    ours.eval()
    with torch.no_grad():
        found, own = official.net(image), ours(image).logits[0]
    if official.name == "birefnet":
        theirs = found[-1].sigmoid()
    else:  # a probability; what was turned into a logit and back would differ
        theirs = (found[0] if official.name == "isnet" else found)[0]
    # IS-Net's map has half the size of the image; its authors enlarge it inside the network
    own = F.interpolate(own, theirs.shape[2:], mode="bilinear", align_corners=False)
    return float((theirs - own.sigmoid()).abs().max())


def _logits(probabilities: Sequence[Tensor]) -> list[Tensor]:
    return [torch.logit(x, eps=_EPS) for x in probabilities]
