"""The rows of the ablation as tables, and paired intervals of a group."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

from scipy.stats import t as student

from benchmarks.ablation_arms import BASELINE
from benchmarks.ablation_rows import GROUPS, Row, kept_file, read_rows, restore
from callbacks import compare

SHOWN = ("max_f", "weighted_f", "mae", "s", "mean_e", "boundary_iou")
Scores = Mapping[str, float]


def show(rows: Sequence[Row]) -> None:
    """Print, for each group, test set and shape group, every arm's mean over the seeds.

    Below: the difference to the baseline in max F and boundary IoU, seed by seed (both arms of a
    seed have the same photos), with Student's 95 % interval over the seeds that both have.
    """
    tried = [row for row in rows if row["group"] == "lr"]
    for row in tried:
        print(f"lr {row['lr']}: max F on the validation photos {row['validation_max_f']}")
    for name, sets in _tables(rows).items():
        for shape in ("all", *GROUPS):
            print(f"\n| {name}, {shape} | seeds | " + " | ".join(SHOWN) + " |")
            print("|---|---|" + "---|" * len(SHOWN))
            for arm, by_seed in sets.items():
                _print_arm(
                    arm, {s: scores[shape] for s, scores in by_seed.items() if shape in scores}
                )
        _print_differences(sets)


def compare_group(path: Path, group: str, work: Path) -> int:
    """Run ``report compare`` on the kept values of a group, the baseline first.

    Seeds are drawn there for each arm by itself. Only seeds that every arm has are taken.

    Returns:
        Its exit status.
    """
    arguments = []
    out = work / "compare" / group.replace(" ", "-").replace("%", "percent")
    runs: dict[str, dict[int, Path]] = defaultdict(dict)
    for row in read_rows(path):
        if row["group"] == group and row["tested_on"] == row["trained_on"]:
            kept = kept_file(path, str(row["run"]), row["tested_on"])
            folder = work / "restored" / str(row["run"])
            restore(kept, folder)
            runs[str(row["arm"])][int(str(row["seed"]))] = folder
    common = set.intersection(*(set(by_seed) for by_seed in runs.values())) if runs else set()
    for arm in sorted(runs, key=lambda name: name != BASELINE):
        arguments.append(f"{arm}=" + ",".join(str(runs[arm][seed]) for seed in sorted(common)))
    return compare.main(["compare", *arguments, "--out", str(out)])


def _tables(rows: Sequence[Row]) -> dict[str, dict[str, dict[str, Mapping[str, Scores]]]]:
    """Return title -> arm -> seed (and fold) -> shape group -> scores."""
    tables: dict[str, dict[str, dict[str, Mapping[str, Scores]]]] = defaultdict(dict)
    for row in rows:
        scores = row.get("scores")
        if isinstance(scores, dict):
            title = f"{row['trained_on']} {row['percent']} % on {row['tested_on']}"
            seed = f"{row['seed']}" if row["fold"] is None else f"{row['seed']}/{row['fold']}"
            tables[title].setdefault(str(row["arm"]), {})[seed] = scores
    return tables


def _print_arm(arm: str, by_seed: Mapping[str, Scores]) -> None:
    cells = []
    for key in SHOWN:
        values = [scores[key] for scores in by_seed.values() if key in scores]
        spread = f" +- {stdev(values):.4f}" if len(values) > 1 else ""
        cells.append(f"{mean(values):.4f}{spread}" if values else "")
    print(f"| {arm} | {len(by_seed)} | " + " | ".join(cells) + " |")


def _print_differences(sets: Mapping[str, Mapping[str, Mapping[str, Scores]]]) -> None:
    baseline = sets.get(BASELINE, {})
    for arm, by_seed in sets.items():
        seeds = sorted(baseline.keys() & by_seed.keys())
        if arm == BASELINE or len(seeds) < 2:
            continue
        cells = []
        for key in ("max_f", "boundary_iou"):
            found = [by_seed[s]["all"][key] - baseline[s]["all"][key] for s in seeds]
            half = student.ppf(0.975, len(found) - 1) * stdev(found) / math.sqrt(len(found))
            cells.append(f"{key} {mean(found):+.4f} +- {half:.4f}")
        print(f"{arm} - {BASELINE}, {len(seeds)} seeds: " + ", ".join(cells))
