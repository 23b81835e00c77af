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
from generation.licence import joint_licence
from generation.painters.blend import corrected, exchanged, inlaid, light_of
from generation.painters.box import Box, box_around
from generation.painters.decoys import add_decoys
from generation.painters.grain import add_noise, calm_hue, noise_level
from generation.painters.light import relit
from generation.painters.matte import coverage
from generation.painters.painter import PaintError
from generation.painters.push_pull import low_pass, push_pull
from generation.painters.removal import fill

VERSION = 2
"""Raised whenever the same arguments give other pixels."""

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

# beyond the error of the mask: lens blur and JPEG carry the object's colours this far
_MARGIN = 3


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
        mask, target, image = _plane(sample.mask), _plane(edited.mask), _pixels(sample)
        cut, put = (box_around(plane, 4 * self._reach()) for plane in (mask, target))
        old, scene = self._backgrounds(sample, background, target, cut, seed)
        alpha = coverage(image[cut], mask[cut], old, error=self.mask_error)
        planes = np.dstack([image[cut], old, alpha * 255, mask[cut] * 255])
        picture = scene.copy()
        picture[put] = self._composed(
            _moved(planes, _part(warp, cut, put)),
            scene[put],
            target[put],
            image=image[cut],
            relight=background is not None,
        )
        rng = np.random.default_rng(seed_for(seed, "decoys"))
        outline = _near_outline(target, 2 * self.mask_error + _MARGIN)
        add_decoys(picture, outline, number=self.num_decoys, softness=self.softness, rng=rng)
        if background is not None:
            lacking = _lacking_grain(target, image, scene)
            add_noise(picture, lacking, np.uint64(seed_for(seed, "grain")))
        return self._painted(sample, edited, background, picture, seed)

    def _composed(
        self, moved: Floats, scene: Floats, target: Floats, *, image: Floats, relight: bool
    ) -> Floats:
        """Return the scene with the object, given the planes of the cut-out where they belong."""
        photo, old = np.ascontiguousarray(moved[..., :3]), moved[..., 3:6]
        alpha = _softened(moved[..., 6] / np.float32(255), self.softness)
        new = light_of(scene)
        shown = exchanged(photo, alpha, old, new)
        if relight:
            shown += alpha[..., None] * (relit(photo, alpha, old, new) - photo)
        whole = np.maximum(target, moved[..., 7] / 255)
        # the old background's texture comes along with the outline's surroundings: wide, where it
        # goes on in the scene; as narrow as the mask allows, where it does not
        keep, fade = (self.mask_error / 2, 2) if relight else (self.mask_error + 1, 2 * _MARGIN)
        shown = calm_hue(shown, image)
        picture = inlaid(scene, shown, whole, keep=keep, fade=fade)
        return corrected(picture, scene, alpha, target - moved[..., 7] / np.float32(255))

    def _backgrounds(
        self, sample: Sample, background: Sample | None, target: Floats, cut: Box, seed: int
    ) -> tuple[Floats, Floats]:
        """Return the light of the source's cut without the object, and what it is put in."""
        image, gap = _pixels(sample), self._gap(sample.mask.numpy())
        wanted = target < 1
        if background is None:
            filled = fill(image, gap, seed_for(seed, "fill"), wanted=wanted)
            return light_of(filled[cut]), filled
        old = low_pass(image[cut], 1 - gap[cut].astype(np.float32))
        other, mask = _fitted(background, target, np.random.default_rng(seed_for(seed, "crop")))
        return old, fill(other, self._gap(mask), seed_for(seed, "fill"), wanted=wanted)

    def _gap(self, mask: NDArray[np.uint8]) -> Bools:
        """Return where a photo shows an object, or light of it."""
        side = 2 * self._reach() + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        return cv2.dilate(mask, kernel) > 0

    def _reach(self) -> int:
        return int(np.ceil(self.mask_error)) + _MARGIN

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
                licence=joint_licence(*[parent.provenance.licence for parent in parents]),
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


def _part(warp: Warp, source: Box, target: Box) -> Warp:
    """Return the warp from a part of the source to a part of the edited picture."""
    first = np.array((source[1].start, source[0].start), np.float32)
    return Warp(grid=warp.grid[target] - first, visible=warp.visible[target])


def _moved(planes: Floats, warp: Warp) -> Floats:
    """Return planes in grey levels moved; what was not in view continues what was."""
    pixels = np.clip(planes + np.float32(0.5), 0, 255).astype(np.uint8)
    moved = apply(pixels, warp).astype(np.float32)
    if warp.visible.all():
        return moved
    moved[..., :3] = push_pull(
        np.ascontiguousarray(moved[..., :3]), warp.visible.astype(np.float32)
    )
    return moved


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
    if missing <= 0.2:
        return alpha
    return np.asarray(cv2.GaussianBlur(alpha, (0, 0), missing), np.float32)


def _near_outline(target: Floats, margin: float) -> Floats:
    """Return 1 within some pixels of the outline, fading to 0."""
    side = 2 * int(np.ceil(margin)) + 1
    kernel = np.ones((side, side), np.uint8)
    touched, whole = (target > 0).astype(np.float32), (target == 1).astype(np.float32)
    near = cv2.dilate(touched, kernel) - cv2.erode(whole, kernel)
    return np.asarray(cv2.blur(near, (5, 5)), np.float32)


def _lacking_grain(target: Floats, photo: Floats, scene: Floats) -> Floats:
    """Return the deviation of noise that object or scene lacks of the other's grain."""
    own = noise_level(photo, np.ones_like(target)) ** 2
    other = noise_level(scene, 1 - target) ** 2
    missing = np.sqrt(np.abs(other - own))
    share = target if own < other else 1 - target
    return (share * missing).astype(np.float32)
