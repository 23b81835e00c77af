"""The rows of the proof of open-vocabulary training as tables."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import mean, stdev

from scipy.stats import t as student

from benchmarks.ablation_rows import Row
from benchmarks.open_vocabulary_plan import CAMVID, CLOTHING, COUNTERFACTUAL, NAMES, SHARES

SHOWN: Mapping[str, Sequence[str]] = {
    COUNTERFACTUAL: ("mean_iou", "mean_boundary_iou", "pixel_accuracy", "found_in_empty"),
    NAMES: ("unseen_iou", "seen_iou", "mean_iou", "pixel_accuracy"),
    CLOTHING: ("frequent_iou", "mean_iou", "pixel_accuracy"),
    CAMVID: ("mean_iou", "pixel_accuracy"),
}
"""Scores of each question; the first one is what it is about."""
Scores = Mapping[str, float]


def show(rows: Sequence[Row]) -> None:
    """Print, for each question, every arm's mean over its seeds and its gap to another arm.

    The gap is taken seed by seed, with Student's 95 % interval over the seeds that both have.
    """
    for group, keys in SHOWN.items():
        arms = arms_of(rows, group)
        if not arms:
            continue
        print(f"\n| {group} | runs | " + " | ".join(keys) + f" | {keys[0]} against |")
        print("|---|---|" + "---|" * (len(keys) + 1))
        for arm, by_seed in arms.items():
            means = [mean(scores[key] for scores in by_seed.values()) for key in keys]
            cells = [f"{value:.4f}" for value in means]
            other = compared_with(group, arm)
            gap = gap_of(by_seed, arms.get(other, {}), keys[0])
            cells.append(f"{other}: {gap}" if gap else "")
            print(f"| {arm} | {len(by_seed)} | " + " | ".join(cells) + " |")


def arms_of(rows: Sequence[Row], group: str) -> dict[str, dict[int, Scores]]:
    """Return arm -> seed -> scores of a question."""
    arms: dict[str, dict[int, Scores]] = defaultdict(dict)
    for row in rows:
        scores = row["scores"]
        if row["group"] == group and isinstance(scores, dict):
            arms[str(row["arm"])][int(str(row["seed"]))] = scores
    return arms


def compared_with(group: str, arm: str) -> str:
    """Return the arm that an arm is compared with; itself where with none."""
    if group == COUNTERFACTUAL:
        return "none"
    if group == NAMES:
        return "half"
    percent, _, start = arm.partition(" %, ")
    if start == "pretrained" and int(percent) in SHARES:
        return f"{percent} %, from CLIP"
    return "draws 58" if group == CLOTHING else "draws 11"


def gap_of(one: Mapping[int, Scores], other: Mapping[int, Scores], key: str) -> str:
    """Return the mean difference with its interval; empty without two seeds or any difference."""
    gaps = [one[seed][key] - other[seed][key] for seed in one if seed in other]
    if len(gaps) < 2 or not any(gaps):
        return ""
    half = student.ppf(0.975, len(gaps) - 1) * stdev(gaps) / math.sqrt(len(gaps))
    return f"{mean(gaps):+.4f} +- {half:.4f}"
