"""Held-out masks as a small diffusion model sees them, and what an edit kept of one."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.ablation_data import SEQUENCE
from benchmarks.mask_alignment import aligned_iou
from datamodules.decode_mask import read_mask
from datamodules.resize import resize
from datamodules.seeds import seed_for
from generation.edits.crisp import crisp_mask
from generation.edits.extent import HALF
from generation.edits.square_view import cut, square_around
from generation.procedural import ProceduralScenes
from metrics.topology import betti_numbers

Mask = NDArray[np.bool_]

_DRAWN = 2
"""Scenes are drawn so much larger, as in ``configs/generation/train_tiny_mask.yaml``."""
_FIRST = 50_000
_SHARE = 0.75
"""Longer side of the object's box over that of its square: the median of procedural scenes."""
_SCORED_AT = 128
"""Side at which masks are compared: enlarged with crisp edges, a strut has a width there."""
_MEASURES = ("iou", "parts_kept", "holes_kept", "topology_kept", "parts_off", "holes_off")


class Masks(NamedTuple):
    """Masks of a set."""

    seen: Tensor
    """``(N, 1, S, S)`` float32 in [0, 1]."""
    class_names: list[str]
    seeds: list[int]
    """Of all that is drawn for each."""
    units: list[int]
    """Number of the video of each, 0 and up, or of the mask itself: frames are not independent."""

    def first(self, count: int) -> "Masks":
        """Return the first masks."""
        return Masks(
            self.seen[:count], self.class_names[:count], self.seeds[:count], self.units[:count]
        )


def procedural(count: int, size: int) -> Masks:
    """Return masks of scenes that no training draws, whole frames, classes in turn."""
    scenes = ProceduralScenes(size=_DRAWN * size)
    specs = [scenes.spec("val", _FIRST + number) for number in range(count)]
    samples = [scenes.sample(spec) for spec in specs]
    seen = [
        torch.from_numpy(resize(sample.mask.numpy(), (size, size)))[None].float() / 255
        for sample in samples
    ]
    return Masks(
        torch.stack(seen),
        [sample.class_names[0] for sample in samples],
        seeds=[seed_for(0, sample.id) for sample in samples],
        units=[*range(count)],
    )


def photographed(folder: Path, count: int, size: int) -> Masks:
    """Return masks of a data set in DIS5K layout, evenly chosen; empty ones are left out.

    Each is cut to the square around its object, as large in it as in procedural scenes.

    Raises:
        ValueError: If there are none.
    """
    paths = sorted(folder.glob("*/gt/*.png"))
    if not paths:
        raise ValueError(f"{folder} has no masks: give a folder with DIS-VD/gt/*.png and the like")
    paths = paths[:: max(1, len(paths) // count)][:count]
    found = [(path, torch.from_numpy(read_mask(path))) for path in paths]
    found = [(path, mask) for path, mask in found if (mask >= HALF).any()]
    squares = [cut(mask, square_around(mask, _SHARE), size) for _, mask in found]
    stems = [path.stem for path, _ in found]
    videos = [SEQUENCE.sub("", stem) + "".join(SEQUENCE.findall(stem)) for stem in stems]
    numbers = {video: number for number, video in enumerate(dict.fromkeys(videos))}
    return Masks(
        torch.stack(squares),
        ["object"] * len(found),
        seeds=[seed_for(0, stem) for stem in stems],
        units=[numbers[video] for video in videos],
    )


def binary(soft: Tensor) -> list[Mask]:
    """Return masks enlarged with crisp edges and cut at a half.

    Args:
        soft: ``(N, 1, S, S)`` float in [0, 1].
    """
    large = crisp_mask(soft, (_SCORED_AT, _SCORED_AT))
    return [mask >= 0.5 for mask in large[:, 0].numpy()]


def kept(sources: Tensor, edits: Tensor) -> dict[str, list[float]]:
    """Return what each edit kept of its source: IoU after the best similarity, parts and holes.

    The numbers of parts and holes are kept exactly or not, and are off by so many.

    Parts and holes below a pixel of the model's own size are specks.

    Args:
        sources: ``(N, 1, S, S)`` float in [0, 1].
        edits: Like the sources.
    """
    speck = 1 / sources[0].numel()
    rows = []
    for source, edit in zip(binary(sources), binary(edits), strict=True):
        before, after = (betti_numbers(mask, speck_share=speck) for mask in (source, edit))
        rows.append(
            (
                aligned_iou(source, edit),
                float(before.components == after.components),
                float(before.holes == after.holes),
                float(before == after),
                float(abs(before.components - after.components)),
                float(abs(before.holes - after.holes)),
            )
        )
    return dict(zip(_MEASURES, map(list, zip(*rows, strict=True)), strict=True))


def is_holed(sources: Tensor) -> NDArray[np.bool_]:
    """Return ``(N,)`` whether a mask has a hole, as counted by `kept`."""
    speck = 1 / sources[0].numel()
    return np.array([betti_numbers(x, speck_share=speck).holes > 0 for x in binary(sources)])
