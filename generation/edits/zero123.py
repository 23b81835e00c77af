"""Zero123View: a diffusion model draws a mask's object as another camera sees it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from datamodules.generation_result import Rejected
from datamodules.sample import Sample
from datamodules.seeds import seed_for
from generation.diffusion.inversion import ddim_schedule, sample
from generation.diffusion.noise import generators_for, noise
from generation.diffusion.zero123_files import load_zero123
from generation.edits.batch_edit import to_edit, with_mask
from generation.edits.crisp import crisp_mask
from generation.edits.square_view import cut, pasted, square_around

VERSION = 1
"""Raised whenever the same seed gives other pixels."""
_SHARE = 200 / 256
"""Of the picture's side that the object takes, as the authors' demo prepares photos."""


@dataclass(frozen=True, slots=True)
class Move:
    """How a camera moves about the object."""

    polar: float
    """Degrees down."""
    azimuth: float
    """Degrees to the right."""
    radius: float
    """Away, in the units of the model, which was trained at radii of 1.5 to 2.2."""


class Zero123View(nn.Module):
    """Turns objects of solid masks. A `generation.edits.batch_edit.BatchEdit`.

    Zero-1-to-3 (Liu et al., ICCV 2023) knows dark objects on white, so the model sees the inverted
    mask, its object in the middle of a square (MaskFactory, NeurIPS 2024). What it draws is
    inverted, enlarged to where the object was, and made crisp, see `generation.edits.crisp`.
    Neither the paper's angles nor its numbers of views are known; these defaults are ours.

    Args:
        model: Folder or hub id, see `generation.diffusion.zero123_files.load_zero123`.
        revision: Of the hub: a branch, tag or commit.
        licence: Of the model's results, an SPDX expression; empty where unknown.
        polar: Least and most degrees by which the camera goes down, within -90 to 90.
        azimuth: Least and most degrees by which it goes to the right, within -180 to 180.
        radius: Least and most by which it goes away, within -0.5 to 0.5.
        num_steps: Of DDIM with eta 1.
        guidance: How far image and camera are exaggerated; 1 is not at all.
        threshold: Brightness in (0, 1) from which a pixel of the inverted picture is the object's.

    Raises:
        ModelNotFound: If the model is neither here nor to be had.
        ValueError: If a number is out of its range.
    """

    def __init__(
        self,
        model: str = "kxic/zero123-xl",
        *,
        revision: str = "main",
        licence: str = "",
        polar: tuple[float, float] = (-20.0, 20.0),
        azimuth: tuple[float, float] = (-60.0, 60.0),
        radius: tuple[float, float] = (0.0, 0.0),
        num_steps: int = 50,
        guidance: float = 3.0,
        threshold: float = 0.5,
    ) -> None:
        super().__init__()
        self.ranges = {
            "polar": _range("polar", polar, 90.0),
            "azimuth": _range("azimuth", azimuth, 180.0),
            "radius": _range("radius", radius, 0.5),
        }
        if guidance < 1:
            raise ValueError(f"guidance is {guidance}: give 1 or more (published: 3)")
        if not 0 < threshold < 1:
            raise ValueError(f"threshold is {threshold}: give a value within (0, 1), such as 0.5")
        loaded = load_zero123(model, revision=revision)
        self.net = loaded.net
        self.name = loaded.name
        self.schedule = ddim_schedule(loaded.scheduler, num_steps)
        self.licence = licence
        self.guidance = guidance
        self.threshold = threshold
        shrink = 2 ** (len(self.net.vae.config["block_out_channels"]) - 1)
        self.size = shrink * int(self.net.unet.config["sample_size"])

    def move(self, seed: int) -> Move:
        """Return how the camera of a seed moves."""
        rng = np.random.default_rng(seed_for(seed, "zero123"))
        drawn = {name: float(rng.uniform(*limits)) for name, limits in self.ranges.items()}
        return Move(**drawn)

    @torch.no_grad()
    def edit(self, drafts: Sequence[Sample], seeds: Sequence[int]) -> Sequence[Sample | Rejected]:
        """Return each draft with its mask turned, or why that failed, in the order of the drafts.

        Raises:
            ValueError: If a mask is of labels.
        """
        results: list[Sample | Rejected] = [to_edit(draft, "zero123") for draft in drafts]
        places = [place for place, found in enumerate(results) if isinstance(found, Sample)]
        if not places:
            return results
        squares = [square_around(drafts[place].mask, _SHARE) for place in places]
        masks = torch.stack(
            [
                cut(drafts[place].mask, square, self.size)
                for place, square in zip(places, squares, strict=True)
            ]
        )
        moves = [self.move(seeds[place]) for place in places]
        softs = self.turned(masks, moves, [seeds[place] for place in places]).cpu()
        for place, square, move, soft in zip(places, squares, moves, softs, strict=True):
            draft = drafts[place]
            part = crisp_mask(soft[None], (square.side, square.side), threshold=self.threshold)
            mask = pasted(
                (part[0, 0] * 255).round().to(torch.uint8),
                square,
                (draft.mask.shape[0], draft.mask.shape[1]),
            )
            results[place] = with_mask(
                draft,
                mask,
                edit=f"zero123(polar={move.polar:.2f}, azimuth={move.azimuth:.2f}, "
                f"radius={move.radius:.3f}, {self.size},{len(self.schedule.timesteps)},"
                f"{self.guidance},{self.threshold})",
                version=VERSION,
                models=(self.name,),
                licence=self.licence,
            )
        return results

    def turned(self, masks: Tensor, moves: Sequence[Move], seeds: Sequence[int]) -> Tensor:
        """Return soft masks of the objects as the cameras see them.

        Args:
            masks: ``(B, 1, size, size)`` float in [0, 1].
            moves: B of them.
            seeds: Of each sample's noise.

        Returns:
            ``(B, 1, size, size)`` float32 in [0, 1], on the model's device.
        """
        from networks.zero123 import camera_vector

        device = next(self.net.unet.parameters()).device
        images = (1 - 2 * masks.to(device)).expand(-1, 3, -1, -1)  # black on white, in [-1, 1]
        numbers = torch.tensor([[m.polar, m.azimuth, m.radius] for m in moves], device=device)
        seen = self.net.latents(images)
        told = self.net.told(images, camera_vector(*numbers.unbind(1)))
        generators = generators_for(seeds, "zero123")

        def draw() -> Tensor:
            return noise(generators, seen.shape[1:], device)

        def predict(latents: Tensor, step: int) -> Tensor:
            time = self.schedule.timesteps[step].to(device)
            output = self.net(latents, time, seen=seen, told=told, guidance=self.guidance)
            return self.schedule.noise(output.float(), latents, step)

        drawn = self.net.images(sample(draw(), predict, self.schedule, draw=draw)).float()
        return (0.5 - drawn.mean(1, keepdim=True) / 2).clamp(0, 1)


def _range(name: str, value: tuple[float, float], limit: float) -> tuple[float, float]:
    low, high = value
    if not -limit <= low <= high <= limit:
        raise ValueError(f"{name} is {value}: give least and most within {-limit:g} to {limit:g}")
    return float(low), float(high)
