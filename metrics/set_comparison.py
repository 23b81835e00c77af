"""How far a generated set is from a real one, beside how far the real one is from itself.

Two halves of one real set are not at distance 0: the biased MMD lies far above it for small sets,
and the unbiased one scatters around it. A number of a generated set is read against that floor, at
one and the same number of images.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from metrics.mmd import Kernel, squared_mmds


class Statistic(Protocol):
    """What is measured of two sets, one number or several."""

    def __call__(self, real: Tensor, generated: Tensor, /) -> Mapping[str, float]:
        """Return finite numbers, the same names for any sets."""


class SetComparison(NamedTuple):
    """One distance between two sets, with its floor. Tensors are ``()`` float64 on the CPU.

    `floor` is between two disjoint random subsets of the real images, `matched` between the first
    of these and a random subset of the generated images, all of `size` images. Both are drawn
    anew `num_draws` times. The standard deviations say how far one draw is from another; draws
    share images, so they say less than independent sets would.
    """

    value: Tensor
    """Over all images of both sets."""
    matched_mean: Tensor
    matched_std: Tensor
    floor_mean: Tensor
    floor_std: Tensor
    num_real: int
    num_generated: int
    size: int
    num_draws: int


def compare_sets(
    real: Tensor,
    generated: Tensor,
    kernel: Kernel,
    *,
    unbiased: bool,
    scale: float,
    num_draws: int,
    generator: torch.Generator,
) -> SetComparison:
    """Compare two sets by their squared MMD, beside the floor of the real set.

    Args:
        real: ``(N, D)`` float, N at least 4.
        generated: ``(M, D)`` float, M at least 2.
        kernel: Compares two features.
        unbiased: See `metrics.mmd.squared_mmd`.
        scale: Factor on every distance.
        num_draws: Of subsets, at least 2.
        generator: On the CPU, draws the subsets.

    Raises:
        ValueError: If there are too few images or draws.
    """
    first, second = _pairs(len(real), len(generated), num_draws, generator)
    distances = scale * squared_mmds(
        torch.cat([real, generated]),
        kernel,
        first=first.to(real.device),
        second=second.to(real.device),
        unbiased=unbiased,
    )
    return _summary(distances, num_draws, (len(real), len(generated)))


def compare_by(
    real: Tensor,
    generated: Tensor,
    statistic: Statistic,
    *,
    num_draws: int,
    generator: torch.Generator,
) -> dict[str, SetComparison]:
    """Compare two sets by any statistics, beside the floor of the real set.

    Args:
        real: ``(N, ...)``, N at least 4.
        generated: ``(M, ...)``, M at least 2.
        statistic: Takes the real set first; of the floor, it takes two subsets of that set.
        num_draws: Of subsets, at least 2.
        generator: On the CPU, draws the subsets; the same ones for a generator of one seed.

    Raises:
        ValueError: If there are too few images or draws.
    """
    first, second = _pairs(len(real), len(generated), num_draws, generator)
    both = torch.cat([real, generated])
    found = [
        statistic(both[a.to(both.device)], both[b.to(both.device)])
        for a, b in zip(first, second, strict=True)
    ]
    return {
        name: _summary(
            torch.tensor([values[name] for values in found], dtype=torch.float64),
            num_draws,
            (len(real), len(generated)),
        )
        for name in found[0]
    }


def common_size(num_real: int, num_generated: int) -> int:
    """Return the number of images of each subset: half of the real ones, or all generated ones.

    Raises:
        ValueError: If there are too few images to compare.
    """
    if num_real < 4 or num_generated < 2:
        raise ValueError(
            f"{num_real} real and {num_generated} generated images are too few to compare: at "
            "least 4 and 2 are needed, and some hundred to mean anything"
        )
    return min(num_real // 2, num_generated)


def random_subset(num: int, size: int, generator: torch.Generator) -> Tensor:
    """Return `size` different places below `num`, ``(size,)`` int64 in random order.

    Args:
        num: How many there are to choose from.
        size: At most `num`.
        generator: On the CPU.
    """
    return torch.randperm(num, generator=generator)[:size]


def _summary(distances: Tensor, num_draws: int, num: tuple[int, int]) -> SetComparison:
    """Put together ``(1 + 2 R,)`` float64 in the order of `_pairs`; `num` real and generated."""
    floor, matched = distances[1:].chunk(2)
    return SetComparison(
        value=distances[0],
        matched_mean=matched.mean(),
        matched_std=matched.std(),
        floor_mean=floor.mean(),
        floor_std=floor.std(),
        num_real=num[0],
        num_generated=num[1],
        size=common_size(*num),
        num_draws=num_draws,
    )


def _pairs(
    num_real: int, num_generated: int, num_draws: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return the members of both sets of each pair, ``(1 + 2 R, N + M)`` bool.

    Pair 0 is the whole sets, then R pairs of the floor, then R of generated images.
    """
    if num_draws < 2:
        raise ValueError(f"num_draws {num_draws} has no spread: give at least 2, better 50")
    size = common_size(num_real, num_generated)
    first = torch.zeros(1 + 2 * num_draws, num_real + num_generated, dtype=torch.bool)
    second = first.clone()
    first[0, :num_real] = True
    second[0, num_real:] = True
    for draw in range(1, 1 + num_draws):
        halves = random_subset(num_real, 2 * size, generator)
        first[draw, halves[:size]] = True
        second[draw, halves[size:]] = True
        first[draw + num_draws] = first[draw]
        chosen = random_subset(num_generated, size, generator)
        second[draw + num_draws, num_real + chosen] = True
    return first, second
