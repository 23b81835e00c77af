"""A large latent denoised in overlapping tiles of the size that a model was trained for.

In each step every tile is denoised for itself and the results are blended, so that seams cannot
grow over the steps (Bar-Tal et al., "MultiDiffusion", ICML 2023).

Letters: B pictures, C channels, H, W size of the whole latent, h, w size of a tile.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from generation.diffusion.denoise import Conditions, Denoiser, Row, Step


def tile_starts(length: int, tile: int, overlap: int) -> list[int]:
    """Return where tiles start along one side: evenly, the last ends where the side ends.

    Args:
        length: Of the side.
        tile: Length of a tile.
        overlap: Least length that neighbours share; below `tile`.

    Example:
        >>> tile_starts(10, 4, 1)
        [0, 3, 6]
    """
    if length <= tile:
        return [0]
    count = -(-(length - tile) // (tile - overlap)) + 1
    return [round(i * (length - tile) / (count - 1)) for i in range(count)]


def tile_weights(size: tuple[int, int]) -> Tensor:
    """Return how far each place of a tile counts: sin squared, 0 nowhere, falling to the borders.

    Args:
        size: (h, w).

    Returns:
        ``(h, w)`` float32.
    """
    rows, columns = (
        torch.sin((torch.arange(length) + 0.5) * torch.pi / length).square() for length in size
    )
    return rows[:, None] * columns


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a latent."""

    top: int
    left: int
    conditions: Conditions
    """Of this part, for all pictures of the batch."""


class TiledStep:
    """A denoising step in tiles: to be given as ``step`` to `generation.diffusion.denoise.denoise`.

    Args:
        step: Of one tile.
        tiles: Cover the latent.
        size: (h, w) of a tile.
    """

    def __init__(self, step: Step, tiles: Sequence[Tile], size: tuple[int, int]) -> None:
        self.step = step
        self.tiles = tiles
        self.size = size

    def __call__(
        self,
        net: Denoiser,
        latents: Tensor,
        outputs: Tensor,
        fresh: Tensor | None,
        row: Row,
        conditions: Conditions,
    ) -> tuple[Tensor, Tensor]:
        """Return the next latent and output, see `denoising_step`; the tiles' conditions count."""
        weights = tile_weights(self.size).to(latents.device)
        new, output = torch.zeros_like(latents[0]), torch.zeros_like(latents[0])
        total = torch.zeros_like(latents[0, :1, :1])
        for tile in self.tiles:
            place = (
                ...,
                slice(tile.top, tile.top + self.size[0]),
                slice(tile.left, tile.left + self.size[1]),
            )
            noise = None if fresh is None else fresh[place].contiguous()
            parts = (latents[place].contiguous(), outputs[place].contiguous(), noise)
            stepped, guided = self.step(net, *parts, row, tile.conditions)
            new[place] += weights * stepped
            output[place] += weights * guided
            total[place] += weights
        return new / total, output / total
