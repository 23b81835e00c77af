"""Keep a painted pair only if a segmenter finds the mask that it was painted for."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from datamodules.sample import MaskKind, Sample
from generation.filters.filter import Judgement, Rejection
from metrics.overlap import iou
from metrics.topology import BettiNumbers, betti_numbers
from networks.outputs import Outputs


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What networks read of a batch, for one pair."""

    image: Tensor
    """``(1, 3, S, S)`` float RGB in [0, 1]."""
    mask: Tensor
    """``(1, 1, S, S)`` float in [0, 1]."""
    class_names: tuple[tuple[str, ...], ...]
    """Of the pair."""


class MaskAgreement:
    """Compares the mask that a network draws on the image with the mask of the pair.

    The network must never have seen a validation or test photo: what it rejects shapes the
    training set. Build it with its weights, for example `networks.adapter.ImageInput` with
    `weights`.

    Example:
        >>> from networks.adapter import ImageInput
        >>> judge = MaskAgreement(ImageInput(nn.Conv2d(3, 1, 1)), size=64)
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        size: int = 512,
        min_iou: float = 0.7,
        max_components_off: int | None = 1,
        max_holes_off: int | None = 1,
    ) -> None:
        """Choose the judge and how far it may disagree.

        Args:
            net: Takes a batch and returns `networks.outputs.Outputs`; put in evaluation mode here.
            size: Height and width of the square that it sees, in pixels.
            min_iou: Least intersection over union of both masks at level .5.
            max_components_off: Largest difference in the number of parts (b0); None for any.
            max_holes_off: Largest difference in the number of holes (b1); None for any.

        Raises:
            ValueError: If a limit is out of range.
        """
        if size < 1 or not 0 <= min_iou <= 1:
            raise ValueError(f"size {size} must be above 0 and min_iou {min_iou} in [0, 1]")
        for name, limit in (("components", max_components_off), ("holes", max_holes_off)):
            if limit is not None and limit < 0:
                raise ValueError(f"max_{name}_off is {limit}: give 0 or more, or null for any")
        self.net = net.eval()
        self.size = size
        self.min_iou = min_iou
        self.max_components_off = max_components_off
        self.max_holes_off = max_holes_off

    def __call__(self, sample: Sample) -> Rejection | None:
        """Return why the pair is rejected; None keeps it.

        Raises:
            ValueError: If the mask is of labels, or the network does not return `Outputs`.
        """
        return self.judge(sample).rejection

    def judge(self, sample: Sample) -> Judgement:
        """Return the verdict with ``mask_iou``.

        Raises:
            ValueError: If the mask is of labels, or the network does not return `Outputs`.
        """
        found, wanted = self._masks(sample)
        overlap = _iou(found, wanted)
        scores = {"mask_iou": overlap}
        if overlap < self.min_iou:
            return Judgement(
                self._rejection(f"IoU {overlap:.3f} is below {self.min_iou:g}"), scores
            )
        drawn, given = (betti_numbers(plane.numpy()) for plane in (found, wanted))
        return Judgement(self._topology(drawn, given), scores)

    def _topology(self, drawn: BettiNumbers, given: BettiNumbers) -> Rejection | None:
        for name, one, other, limit in (
            ("parts", drawn.components, given.components, self.max_components_off),
            ("holes", drawn.holes, given.holes, self.max_holes_off),
        ):
            if limit is not None and abs(one - other) > limit:
                return self._rejection(
                    f"{one} {name} found for {other}, which is off by more than {limit}"
                )
        return None

    def _rejection(self, reason: str) -> Rejection:
        return Rejection(type(self).__name__, reason)

    @torch.no_grad()
    def _masks(self, sample: Sample) -> tuple[Tensor, Tensor]:
        """Return the network's mask and the pair's, ``(S, S)`` bool each."""
        if sample.mask_kind is not MaskKind.ALPHA:
            raise ValueError(f"sample {sample.id!r} has a mask of labels: give pairs of one object")
        side = (self.size, self.size)
        image = _resized(sample.image[None].float() / 255, side)
        mask = _resized(sample.mask[None, None].float() / 255, side)
        # wherever whoever holds the network has moved it
        device = next((p.device for p in self.net.parameters()), image.device)
        outputs = self.net(Judged(image.to(device), mask.to(device), (sample.class_names,)))
        if not isinstance(outputs, Outputs):
            raise ValueError(
                f"{type(self.net).__name__} returned {type(outputs).__name__}: wrap the network in "
                "networks.adapter.ImageInput"
            )
        logits = F.interpolate(outputs.logits[0].float(), side, mode="bilinear")
        return logits[0, 0].cpu() > 0, mask[0, 0] >= 0.5


def _resized(planes: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(planes, size, mode="bilinear", antialias=True)


def _iou(found: Tensor, wanted: Tensor) -> float:
    """Return the overlap; two empty masks agree fully."""
    if not found.any() and not wanted.any():
        return 1.0
    both, only = (found & wanted).sum(), (found & ~wanted).sum()
    return float(iou(torch.stack([only, both]), wanted.sum()))
