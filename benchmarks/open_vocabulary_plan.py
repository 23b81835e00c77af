"""Which runs the proof of open-vocabulary training has, in the order in which they are made."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SEEDS = (0, 1, 2, 3, 4)
COUNTERFACTUAL, NAMES = "counterfactual", "unseen names"
CLOTHING, CAMVID = "clothing", "camvid"
SHARES = (1, 5, 10)
SAMPLED: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {CLOTHING: (5, 10, 20, 58), CAMVID: (5, 10, 11)}
)
"""Categories that a step draws; the last is all of them."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training and its test.

    Args:
        group: Question that it answers.
        arm: What differs.
        seed: Of the weights, the draws and the choice of photos.
        percent: Of the real training photos; 0 where there are none.
        num_categories: Drawn for each image in a step.
    """

    group: str
    arm: str
    seed: int
    percent: int = 0
    num_categories: int = 32

    @property
    def key(self) -> str:
        """Name of the run in rows and claims."""
        return f"{self.group.replace(' ', '-')}-{self.arm}-{self.seed}"


COUNTERFACTUAL_ARMS = (
    "none",
    "paper aligned",
    "paper unaligned",
    "ours aligned",
    "ours unaligned",
    "empty aligned",
    "empty unaligned",
    "none twice",
    "none from one half",
)
"""``none`` first: the others are compared with it; ``none twice`` sees as many images as they.

Scores of the last begin at one half, as ZegCLIP's do, and not at `networks.clip_decoder`'s prior.
"""
UNTRAINED = ("MaskCLIP", "SCLIP")
"""Ways to take the CLIP as it is; the same for all seeds, so one run each."""
NAMES_ARMS = ("half", "all", "half, encoder learns")


def plan() -> list[Run]:
    """Return all runs, cheapest question first; seed by seed, so that arms are comparable early."""
    runs = [Run(group=NAMES, arm=arm, seed=0) for arm in UNTRAINED]
    for seeds in (SEEDS[:3], SEEDS[3:]):
        for seed in seeds:
            runs += [Run(group=COUNTERFACTUAL, arm=arm, seed=seed) for arm in COUNTERFACTUAL_ARMS]
        for seed in seeds:
            runs += [Run(group=NAMES, arm=arm, seed=seed) for arm in NAMES_ARMS]
    for group in (CAMVID, CLOTHING):
        for seed in SEEDS[:3]:
            runs += _real(group, seed)
    return runs


def _real(group: str, seed: int) -> list[Run]:
    sampled = [
        Run(group=group, arm=f"draws {number}", seed=seed, percent=100, num_categories=number)
        for number in SAMPLED[group]
    ]
    few = [
        Run(group=group, arm=f"{percent} %, {start}", seed=seed, percent=percent)
        for percent in SHARES
        for start in ("from CLIP", "pretrained")
    ]
    return sampled + few
