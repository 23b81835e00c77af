"""Copy-paste, the strongest standard augmentation that needs other photos, for the ablation.

Source: Ghiasi et al., Simple Copy-Paste is a Strong Data Augmentation Method for Instance
Segmentation, CVPR 2021: an object, scaled and mirrored at random, is put on a random other photo
whose own objects stay and stay labelled; edges need no blending. Written for soft masks of one
class.
"""

from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.sample import Provenance, Sample
from datamodules.seeds import seed_for
from datamodules.synthesis import DrawOther, SynthesisError
from generation.painters.removal import fill
from generation.synthesis_choice import SynthesisChoice as Either  # noqa: F401 - see below

# `Either` is the name in the configurations of runs that were begun before it had its own file, and
# that may still be stopped half way.

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


class CopyPaste:
    """Puts the object on another training photo. A `datamodules.synthesis.PairSynthesis`.

    Args:
        scale: Least and most factor on the object's size.
        shift: Most displacement to each side, as a share of the photo's sides.
        softness: Standard deviation in pixels of the blur of the mask that blends.
        removes: Whether the other photo's own object is removed first (filled from its
            surroundings, 5 pixels around the mask included). False is the published method: it
            stays, and is part of the mask.
    """

    def __init__(
        self,
        scale: tuple[float, float] = (0.7, 1.3),
        *,
        shift: float = 0.2,
        softness: float = 0.6,
        removes: bool = False,
    ) -> None:
        self.scale = scale
        self.shift = shift
        self.softness = softness
        self.removes = removes

    def synthesise(self, sample: Sample, seed: int, draw_other: DrawOther) -> Sample:
        """Return the object of a sample on another photo, a function of the arguments alone.

        Raises:
            SynthesisError: If the object was moved out of the picture.
        """
        rng = np.random.default_rng(seed_for(seed, "paste"))
        other = draw_other(seed_for(seed, "background"))
        moved = self._moved(_planes(sample), rng)
        if not (moved[..., 3] > 127).any():
            raise SynthesisError("the object was moved out of the picture")
        scene = _mirrored(_planes(other), rng)
        if self.removes:
            scene = _without_object(scene, moved[..., 3], seed_for(seed, "fill"))
        image, mask = self._blended(moved.astype(np.float32), scene.astype(np.float32))
        return replace(
            sample,
            id=f"{sample.id}~paste-{seed_for(seed, other.id) >> 15:012x}",
            image=_tensor(image.transpose(2, 0, 1)),
            mask=_tensor(mask),
            weight=None,
            seed=seed,
            provenance=Provenance(source="paste", parents=(sample.id, other.id)),
        )

    def _blended(self, moved: Floats, scene: Floats) -> tuple[Floats, Floats]:
        """Return picture and mask of an object before a scene, ``(H, W, 4)`` grey levels each."""
        alpha = np.asarray(cv2.GaussianBlur(moved[..., 3], (0, 0), self.softness)) / 255
        image = scene[..., :3] + alpha[..., None] * (moved[..., :3] - scene[..., :3])
        mask = moved[..., 3] + scene[..., 3] * (1 - moved[..., 3] / 255)
        return image.astype(np.float32), mask.astype(np.float32)

    def _moved(self, planes: Bytes, rng: np.random.Generator) -> Bytes:
        planes = _mirrored(planes, rng)
        height, width = planes.shape[:2]
        factor = rng.uniform(*self.scale)
        centre = np.array([width / 2, height / 2])
        shift = rng.uniform(-self.shift, self.shift, 2) * (width, height)
        matrix = np.column_stack([np.eye(2) * factor, centre * (1 - factor) + shift])
        return np.asarray(cv2.warpAffine(planes, matrix, (width, height)), np.uint8)


def _planes(sample: Sample) -> Bytes:
    """Return ``(H, W, 4)``: the photo and its mask."""
    return torch.cat([sample.image, sample.mask[None]]).permute(1, 2, 0).contiguous().numpy()


def _mirrored(planes: Bytes, rng: np.random.Generator) -> Bytes:
    return np.ascontiguousarray(planes[:, ::-1]) if rng.random() < 0.5 else planes


def _without_object(scene: Bytes, covered: Bytes, seed: int) -> Bytes:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11))
    gap = cv2.dilate(scene[..., 3], kernel) > 0
    image = fill(scene[..., :3].astype(np.float32), gap, seed, wanted=covered < 255)
    image = np.clip(image + np.float32(0.5), 0, 255).astype(np.uint8)
    return np.dstack([image, np.zeros_like(scene[..., 3])])


def _tensor(plane: Floats) -> torch.Tensor:
    rounded = np.clip(plane + 0.5, 0, 255).astype(np.uint8)
    return torch.from_numpy(np.ascontiguousarray(rounded))
