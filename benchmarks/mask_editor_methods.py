"""The ways of editing a mask that are compared, each with one knob from nothing to very much."""

from collections.abc import Callable
from pathlib import Path

import albumentations as A
import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.sample import MaskKind, Provenance, Sample
from datamodules.seeds import generator_for
from generation.edits.adversarial import AdversarialEdit
from generation.edits.diffeomorphism import MAX_SLOPE, Diffeomorphism
from generation.edits.warp import apply
from networks.mask_editor import FlowMaskEditor
from networks.published_mask_gan import PublishedMaskGenerator
from networks.weights import load_weights

Pixels = NDArray[np.uint8]
Method = Callable[[Pixels, float, int], Pixels]
"""From a mask, the knob and a seed to an edited mask of the same size."""

SIZE = 96
"""Height and width that editors were trained at."""


def flow(width: int, weights: Path | None) -> Method:
    """Return our editor; the knob is its strength. Without weights it is untrained."""
    torch.manual_seed(0)
    net = FlowMaskEditor(width)
    if weights is not None:
        load_weights(net, str(weights))

    def edit(mask: Pixels, knob: float, seed: int) -> Pixels:
        return apply(mask, AdversarialEdit(net, knob).field(_sample(mask), seed))

    return edit


def published(width: int, weights: Path) -> Method:
    """Return the published generator; the knob is the strength that it was asked for."""
    net = PublishedMaskGenerator(width)
    load_weights(net, str(weights))
    net.eval()

    @torch.no_grad()
    def edit(mask: Pixels, knob: float, seed: int) -> Pixels:
        small = cv2.resize(mask, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        seen = torch.from_numpy(small).view(1, 1, SIZE, SIZE).float() / 255
        latent = torch.randn(1, net.latent_size, generator=generator_for(seed, "published"))
        drawn = net(seen, latent, torch.tensor([knob])).mask[0, 0].numpy()
        pixels = np.rint(255 * drawn).astype(np.uint8)
        return np.asarray(cv2.resize(pixels, mask.shape[::-1], interpolation=cv2.INTER_CUBIC))

    return edit


def diffeomorphism(scale: float) -> Method:
    """Return the smooth random flow; the knob is its strength."""

    def edit(mask: Pixels, knob: float, seed: int) -> Pixels:
        warp = Diffeomorphism(min(knob, MAX_SLOPE * scale), scale).field(_sample(mask), seed)
        return apply(mask, warp)

    return edit


def elastic_and_perspective(mask: Pixels, knob: float, seed: int) -> Pixels:
    """Edit as albumentations does; the knob scales both amplitudes.

    The elastic field is smooth over a 25th of the frame; the perspective moves corners by up to
    the knob.
    """
    sigma = max(mask.shape) / 25
    transform = A.Compose(
        [
            # so that the mean displacement is about knob / 10 of the frame
            A.ElasticTransform(alpha=knob * max(mask.shape) * 0.6 * sigma, sigma=sigma, p=1),
            A.Perspective(scale=(knob / 2, knob), p=1),
        ],
        seed=seed % 2**32,
    )
    return np.asarray(transform(image=mask)["image"])


def _sample(mask: Pixels) -> Sample:
    height, width = mask.shape
    return Sample(
        id="mask",
        image=torch.zeros(3, height, width, dtype=torch.uint8),
        mask=torch.from_numpy(mask),
        mask_kind=MaskKind.ALPHA,
        class_names=("object",),
        provenance=Provenance(source="folder"),
    )
