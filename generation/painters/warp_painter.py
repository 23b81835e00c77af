"""WarpPainter: the photo's own pixels moved with the mask. It needs no weights.

Letters: H, W size of the pair.
"""

from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.resize import resize
from datamodules.sample import MaskKind, Provenance, Sample
from datamodules.seeds import seed_for
from generation.edits.warp import Warp, apply
from generation.painters.decoys import add_decoys
from generation.painters.grain import add_noise, noise_level
from generation.painters.light import relit
from generation.painters.matte import cut_out
from generation.painters.painter import PaintError
from generation.painters.push_pull import push_pull
from generation.painters.removal import fill

VERSION = 1
"""Raised whenever the same arguments give other pixels."""

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

# beyond the error of the mask: lens blur and JPEG carry the object's colours this far
_MARGIN = 3
# of the variance of a photo's grain, what cubic interpolation between pixels leaves
_LEFT = 0.8


class WarpPainter:
    """Cuts the object out of its photo, moves it as its mask was moved, and mends the rest.

    The object is removed from its own photo, or from another one, whose light it then takes. It is
    put in its place by its soft coverage with colours free of the old background; grain that was
    lost is put back, and seams that mean nothing are strewn over the picture (`add_decoys`).

    Example:
        >>> painter = WarpPainter(mask_error=0)  # masks that are exact to the pixel
    """

    def __init__(
        self, mask_error: float = 2.0, *, softness: float = 0.6, num_decoys: int = 4
    ) -> None:
        """Say how good the masks are and what to do against traces.

        Args:
            mask_error: By how many pixels the masks' outlines may be off the photos'; within this
                the photo decides what is object. 0 takes the masks as they are.
            softness: Standard deviation in pixels of the blur of photographed edges. Masks whose
                edges are sharper are blended in by a mask blurred to this.
            num_decoys: Regions blended onto themselves where no object ends.

        Raises:
            ValueError: If an argument is negative.
        """
        self.mask_error = mask_error
        self.softness = softness
        self.num_decoys = num_decoys
        if min(mask_error, softness, num_decoys) < 0:
            raise ValueError(
                f"mask_error {mask_error}, softness {softness} and num_decoys {num_decoys} must "
                "not be negative: give 0 for none"
            )

    def paint(
        self,
        sample: Sample,
        edited: Sample,
        *,
        warp: Warp,
        background: Sample | None,
        seed: int,
    ) -> Sample:
        """Return the edited pair with the photo's own pixels moved to fit its mask.

        The id is that of `edited` with ``~warp-`` and digits that follow from the arguments. Mask
        and weight are those of `edited`. A background of another size is cropped and resized.

        Raises:
            PaintError: If a mask is of labels, the source's is empty, or sizes differ.
        """
        _check(sample, edited, warp, background)
        mask, target = _plane(sample.mask), _plane(edited.mask)
        old, scene = self._backgrounds(sample, background, target, seed)
        alpha, colour = cut_out(_pixels(sample), mask, old, error=self.mask_error)
        noise = noise_level(_pixels(sample), np.ones_like(mask)), noise_level(scene, 1 - target)
        if background is not None:
            colour = relit(colour, alpha, old, scene)
        colour, alpha = _moved(colour, alpha, mask, target, warp)
        alpha = _softened(alpha, self.softness)
        picture = scene + alpha[..., None] * (colour - scene)
        rng = np.random.default_rng(seed_for(seed, "decoys"))
        outline = _near_outline(target, 2 * self.mask_error + _MARGIN)
        add_decoys(
            picture, outline, number=self.num_decoys, softness=self.softness, rng=rng
        )
        lost = _lost_grain(alpha, *noise)
        add_noise(picture, lost, np.uint64(seed_for(seed, "grain")))
        return self._painted(sample, edited, background, picture, seed)

    def _backgrounds(
        self, sample: Sample, background: Sample | None, target: Floats, seed: int
    ) -> tuple[Floats, Floats]:
        """Return the source's photo without the object, and what the painted object stands in."""
        image, gap = _pixels(sample), self._gap(sample.mask.numpy())
        wanted = target < 1
        if background is None:
            filled = fill(image, gap, seed_for(seed, "fill"), wanted=wanted)
            return filled, filled
        old = push_pull(image, 1 - gap.astype(np.float32))
        other, mask = _fitted(background, target, np.random.default_rng(seed_for(seed, "crop")))
        return old, fill(other, self._gap(mask), seed_for(seed, "fill"), wanted=wanted)

    def _gap(self, mask: NDArray[np.uint8]) -> Bools:
        """Return where a photo shows an object, or light of it."""
        side = 2 * int(np.ceil(self.mask_error + _MARGIN)) + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        return cv2.dilate(mask, kernel) > 0

    def _painted(
        self,
        sample: Sample,
        edited: Sample,
        background: Sample | None,
        picture: Floats,
        seed: int,
    ) -> Sample:
        parents = [sample] if background is None else [sample, background]
        digits = seed_for(
            seed, edited.id, *(parent.id for parent in parents), str(vars(self)), VERSION
        )
        pixels = np.clip(picture + np.float32(0.5), 0, 255).astype(np.uint8)
        return replace(
            edited,
            id=f"{edited.id}~warp-{digits >> 15:012x}",
            image=torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))),
            counterfactual=None,
            seed=seed,
            provenance=Provenance(
                source="warp",
                revision=str(VERSION),
                parents=tuple(dict.fromkeys(parent.id for parent in parents)),
                licence=_joint_licence([parent.provenance.licence for parent in parents]),
            ),
        )


def _check(sample: Sample, edited: Sample, warp: Warp, background: Sample | None) -> None:
    for pair in (sample, edited, background):
        if pair is not None and pair.mask_kind is not MaskKind.ALPHA:
            raise PaintError(f"sample {pair.id!r} has a mask of labels: only one object is painted")
    if not sample.mask.any():
        raise PaintError(f"sample {sample.id!r} has an empty mask: there is no object to paint")
    sizes = {tuple(sample.mask.shape), tuple(edited.mask.shape), warp.grid.shape[:2]}
    if len(sizes) > 1:
        raise PaintError(
            f"sample {sample.id!r}: photo, edited mask and warp have sizes {sorted(sizes)}; edit "
            "at the photo's size"
        )


def _pixels(sample: Sample) -> Floats:
    return np.ascontiguousarray(sample.image.numpy().transpose(1, 2, 0)).astype(np.float32)


def _plane(mask: torch.Tensor) -> Floats:
    return mask.numpy().astype(np.float32) / np.float32(255)


def _fitted(
    background: Sample, target: Floats, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.uint8]]:
    """Return another photo and its mask at the target's size.

    The largest part of the target's aspect is cut at random, and mirrored where less of its own
    object then shows beside the new one: what is behind an object is only guessed.
    """
    planes = np.concatenate([background.image.numpy(), background.mask.numpy()[None]])
    planes = planes.transpose(1, 2, 0)
    aspect = target.shape[1] / target.shape[0]
    height, width = planes.shape[:2]
    rows, columns = min(height, round(width / aspect)), min(width, round(height * aspect))
    rows, columns = max(rows, 1), max(columns, 1)
    top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
    fitted = resize(planes[top : top + rows, left : left + columns], target.shape)
    seen = [(1 - target) * mask for mask in (fitted[..., 3], fitted[:, ::-1, 3])]
    if seen[1].sum() < seen[0].sum():
        fitted = fitted[:, ::-1]
    fitted = np.ascontiguousarray(fitted)
    return fitted[..., :3].astype(np.float32), np.ascontiguousarray(fitted[..., 3])


def _moved(
    colour: Floats, alpha: Floats, mask: Floats, target: Floats, warp: Warp
) -> tuple[Floats, Floats]:
    """Return colours and coverage where the edited mask has them.

    Coverage found in the photo moves; what the edit did to the mask beyond moving it is added.
    """
    planes = np.dstack([colour, alpha * 255, mask * 255])
    moved = apply(np.clip(planes + 0.5, 0, 255).astype(np.uint8), warp).astype(np.float32)
    colour = moved[..., :3]
    if not warp.visible.all():
        colour = push_pull(colour, warp.visible.astype(np.float32))
    beyond = target - moved[..., 4] / 255
    return colour, np.clip(moved[..., 3] / 255 + beyond, 0, 1)


def _softened(alpha: Floats, softness: float) -> Floats:
    """Return coverage whose edges are at least as soft as photographed ones.

    Across an edge blurred by a normal of deviation s, a (1 - a) sums to s / sqrt(pi). Divided by
    the length of the outline, which is the sum of the gradient, this tells s.
    """
    across = np.diff(alpha, axis=1, append=alpha[:, -1:])
    along = np.diff(alpha, axis=0, append=alpha[-1:])
    length = float(np.sqrt(across**2 + along**2).sum())
    if length == 0:
        return alpha
    present = np.sqrt(np.pi) * float((alpha * (1 - alpha)).sum()) / length
    missing = np.sqrt(max(0.0, softness**2 - present**2))
    # below a fifth of a pixel the blur's kernel is a single weight
    return cv2.GaussianBlur(alpha, (0, 0), missing) if missing > 0.2 else alpha


def _near_outline(target: Floats, margin: float) -> Floats:
    """Return 1 within some pixels of the outline, fading to 0."""
    side = 2 * int(np.ceil(margin)) + 1
    kernel = np.ones((side, side), np.uint8)
    near = cv2.dilate(target, kernel) - cv2.erode(target, kernel)
    return cv2.blur(near, (5, 5))


def _lost_grain(alpha: Floats, own: float, scene: float) -> Floats:
    """Return the deviation of noise that makes the grain the same all over the picture.

    Interpolation and mixing by coverage average grain away; one of two photos may have less.
    """
    wanted = max(own, scene) ** 2
    present = _LEFT * (alpha * own) ** 2 + ((1 - alpha) * scene) ** 2
    return np.sqrt(np.maximum(wanted - present, 0)).astype(np.float32)


def _joint_licence(licences: list[str]) -> str:
    """Return what must be kept to for all parents, as an SPDX expression; empty if one is unknown."""
    return "" if "" in licences else " AND ".join(sorted(set(licences)))
