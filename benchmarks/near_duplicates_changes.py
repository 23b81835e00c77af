"""Changes after which a photo must still be recognised."""

from collections.abc import Callable, Mapping

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.sample import MaskKind, Provenance, Sample
from datamodules.seeds import seed_for
from datamodules.synthesis import SynthesisError
from generation.edits.diffeomorphism import Diffeomorphism
from generation.painters.warp_painter import WarpPainter
from generation.pair_synthesis import Chain, EditedPairs

Picture = NDArray[np.uint8]
Change = Callable[[Picture, np.random.Generator], Picture]
_PAINTER = WarpPainter(0)
_EDITED = EditedPairs([Chain(edits=[Diffeomorphism(strength=0.06, scale=0.4)])], painter=_PAINTER)
_PASTED = EditedPairs([Chain(edits=[])], painter=_PAINTER)


def jpeg(picture: Picture, quality: int) -> Picture:
    """Return what JPEG leaves of a picture."""
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)).view(np.uint8)


def scaled(picture: Picture, factor: float) -> Picture:
    """Return a smaller or larger copy."""
    size = [max(round(side * factor), 1) for side in picture.shape[1::-1]]
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)).view(np.uint8)


def cropped(picture: Picture, share: float, rng: np.random.Generator) -> Picture:
    """Return a part with `share` of each side, anywhere."""
    height, width = (int(side * share) for side in picture.shape[:2])
    y = rng.integers(picture.shape[0] - height + 1)
    x = rng.integers(picture.shape[1] - width + 1)
    return np.ascontiguousarray(picture[y : y + height, x : x + width])


def jittered(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return other colours: gamma .7 to 1.4, each channel x .7 to 1.3, contrast, brightness."""
    values = (picture / 255.0) ** rng.uniform(0.7, 1.4) * rng.uniform(0.7, 1.3, 3)
    values = (values - values.mean()) * rng.uniform(0.7, 1.3) + values.mean()
    return ((values + rng.uniform(-0.1, 0.1)).clip(0, 1) * 255).astype(np.uint8)


def rotated(picture: Picture, degrees: float) -> Picture:
    """Return the picture turned about its middle, reflected at the border."""
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    turned = cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(turned).view(np.uint8)


def mirrored(picture: Picture) -> Picture:
    """Return the mirror image."""
    return np.ascontiguousarray(picture[:, ::-1])


def everything(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return a mirror image at half the size, cropped to 70 %, with other colours, as JPEG 50."""
    return jpeg(jittered(scaled(cropped(mirrored(picture), 0.7, rng), 0.5), rng), 50)


CHANGES: Mapping[str, Change] = {
    "JPEG 30": lambda picture, rng: jpeg(picture, 30),
    "half size": lambda picture, rng: scaled(picture, 0.5),
    "mirror": lambda picture, rng: mirrored(picture),
    "crop 70 %": lambda picture, rng: cropped(picture, 0.7, rng),
    "colours": jittered,
    "turn by 10 degrees": lambda picture, rng: rotated(picture, 10),
    "all but the turn": everything,
}


def sample_of(id: str, image: Picture, mask: Picture) -> Sample:
    """Return the record of a pair."""
    return Sample(
        id=id,
        image=torch.from_numpy(image).permute(2, 0, 1).contiguous(),
        mask=torch.from_numpy(mask),
        mask_kind=MaskKind.ALPHA,
        class_names=("object",),
        provenance=Provenance(source="folder"),
    )


def edited(held_out: Sample) -> Picture | None:
    """Return the held-out photo with its own object bent; None where the painter gives up."""
    return _synthesised(_EDITED, held_out, held_out)


def pasted(object: Sample, background: Sample) -> Picture | None:
    """Return one photo's object on the other's background, as the painter makes it."""
    return _synthesised(_PASTED, object, background)


def _synthesised(pairs: EditedPairs, sample: Sample, other: Sample) -> Picture | None:
    try:
        made = pairs.synthesise(sample, seed_for(0, sample.id, other.id), lambda seed: other)
    except SynthesisError:
        return None
    return np.ascontiguousarray(made.image.permute(1, 2, 0).numpy())
