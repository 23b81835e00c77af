"""Losses of all that a network returns: every map against the mask, every feature map.

A loss sees outputs and batch and returns its terms by name, already weighted: the sum is minimised
and each term is logged under its name.

Letters: B samples; C channels; H, W the batch's size; h, w a map's own size.
"""

from collections import Counter
from collections.abc import Callable
from typing import Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from datamodules.batch import Batch
from lightningmodules.losses.maps import MapLoss, weighted_mean
from networks.outputs import Outputs


class Loss(nn.Module):
    """Its forward takes ``(outputs, batch)`` and returns scalar terms by name."""

    def begin_step(self, step: int, max_steps: int) -> None:
        """Take notice of the training step that comes; most losses are the same at all.

        Args:
            step: Optimizer steps done, from 0.
            max_steps: Length of the run; below 1 where it has none.
        """


class DeepSupervision(Loss):
    """Map losses over every map of the network.

    Args:
        terms: Map losses by the names they are logged under.
        weights: Factor of each term, by the same names. None: 1 each.
        map_weights: Factor of each map, the result first. None: 1 each.
        at: ``mask``, as published, enlarges each map to the mask's size (bilinear). ``map`` reduces
            mask and weight to each map's size instead (mean of the pixels that count), at a
            fraction of the cost.
        align_corners: Whether corners of a map stay corners when it is enlarged, as in BiRefNet.

    Raises:
        ValueError: If there are no `terms`, or `weights` have other names; in forward, if there are
            not as many maps as `map_weights`.
    """

    def __init__(
        self,
        terms: dict[str, MapLoss],
        weights: dict[str, float] | None = None,
        *,
        map_weights: list[float] | None = None,
        at: Literal["mask", "map"] = "mask",
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        if not terms or (weights is not None and weights.keys() != terms.keys()):
            raise ValueError(
                f"weights {sorted(weights or {})} must name the terms {sorted(terms)}, at least one"
            )
        self.terms = nn.ModuleDict(terms)
        self.weights = dict.fromkeys(terms, 1.0) if weights is None else dict(weights)
        self.map_weights = map_weights
        self.at = at
        self.align_corners = align_corners

    def forward(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Return each term, summed over the maps."""
        if self.map_weights is not None and len(self.map_weights) != len(outputs.logits):
            raise ValueError(
                f"{len(self.map_weights)} map_weights for a network of {len(outputs.logits)} maps: "
                "give one each, or null"
            )
        factors = self.map_weights or [1.0] * len(outputs.logits)
        maps = [self._align(logits, batch.mask, batch.weight) for logits in outputs.logits]
        return {
            name: self.weights[name]
            * torch.stack([f * term(*x) for f, x in zip(factors, maps, strict=True)]).sum()
            for name, term in self.terms.items()
        }

    def _align(self, logits: Tensor, mask: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if self.at == "map":
            return _reduce_mask(logits, mask, weight)
        return enlarged(logits, mask.shape[-2:], align_corners=self.align_corners), mask, weight


class FeatureSupervision(Loss):
    """Squared error between the network's features and those of the true mask.

    The intermediate supervision of IS-Net (Qin et al., ECCV 2022): the sum over the feature maps of
    their mean squared error. An image's pixels count by the batch's weight, reduced to each map.

    The encoder follows this module to a device or dtype, and nothing else: it is no submodule, so
    it is never trained, put into training mode, saved with a checkpoint or synchronised.

    Args:
        encoder: Trained network of the mask that sees the batch and returns `Outputs`, such as
            `networks.adapter.MaskInput` of `networks.isnet.ISNetGTEncoder` with `weights`.
            It is frozen.
        weight: Factor of the term.

    Raises:
        ValueError: In forward, if network and encoder return different numbers or shapes of
            feature maps.
    """

    def __init__(self, encoder: nn.Module, weight: float = 1.0) -> None:
        super().__init__()
        # in a tuple, nn.Module does not register it
        self._encoder = (encoder.eval().requires_grad_(False),)
        self.weight = weight

    @property
    def encoder(self) -> nn.Module:
        """The frozen encoder of masks."""
        return self._encoder[0]

    def forward(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Return the term ``feature``."""
        with torch.no_grad():
            of_mask: list[Tensor] = self.encoder(batch).features
        shapes = [tuple(x.shape) for x in outputs.features]
        wanted = [tuple(x.shape) for x in of_mask]
        if shapes != wanted or not shapes:
            raise ValueError(
                f"features of the network {shapes} and of the mask {wanted} must have equal "
                "shapes: give both one width, and a network that returns features"
            )
        errors = [
            _squared_error(x, y, batch.weight)
            for x, y in zip(outputs.features, of_mask, strict=True)
        ]
        return {"feature": self.weight * torch.stack(errors).sum()}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # the one way of torch through which .to(), .cuda(), .bfloat16() and the like reach a module
        self.encoder._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]


class Sum(Loss):
    """Several losses of the same outputs.

    Args:
        losses: Whose terms are put together.

    Raises:
        ValueError: In forward, if two losses return terms of one name.
    """

    def __init__(self, losses: list[Loss]) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)

    def begin_step(self, step: int, max_steps: int) -> None:
        """Tell all losses of the step."""
        for loss in self.losses:
            assert isinstance(loss, Loss)
            loss.begin_step(step, max_steps)

    def forward(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Return the terms of all losses."""
        named = [term for loss in self.losses for term in loss(outputs, batch).items()]
        doubled = [name for name, count in Counter(name for name, _ in named).items() if count > 1]
        if doubled:
            raise ValueError(f"terms {doubled} come from two losses: name them differently")
        return dict(named)


def enlarged(x: Tensor, size: torch.Size, *, align_corners: bool) -> Tensor:
    """Return ``(B, C, h, w)`` at the size (H, W), in float32 at least."""
    # precise before it is enlarged, so that steps of half precision are not spread
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    if x.shape[2:] == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=align_corners)


def _reduce_mask(logits: Tensor, mask: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    if logits.shape[2:] == mask.shape[-2:]:
        return logits, mask, weight
    counted = F.interpolate(weight * mask, size=logits.shape[2:], mode="area")
    weight = F.interpolate(weight, size=logits.shape[2:], mode="area")
    # weights are 0 or at least 1/255 over the pixels of one map's pixel, far above 1e-12
    return logits, counted / weight.clamp_min(1e-12), weight


def _squared_error(x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    errors = (x.float() - y.float()).square().mean(1, keepdim=True)
    return weighted_mean(errors, F.interpolate(weight, size=x.shape[2:], mode="area")).mean()
