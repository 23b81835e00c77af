"""The rows of the ablation as tables, and paired intervals of a group."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

from scipy.stats import t as student

from benchmarks.ablation_arms import BASELINE
from benchmarks.ablation_data import SEQUENCE
from benchmarks.ablation_rows import GROUPS, Row, kept_file, read_rows, restore
from callbacks import compare

SHOWN = ("max_f", "weighted_f", "mae", "s", "mean_e", "boundary_iou")
Scores = Mapping[str, float]


def show(rows: Sequence[Row]) -> None:
    """Print, for each group, test set and shape group, every arm's mean over the seeds.

    Below: the difference to the baseline in max F and boundary IoU, seed by seed (both arms of a
    seed have the same photos), with Student's 95 % interval over the seeds that both have. Of
    folds, the seeds of each are averaged first, and the interval is over the folds: seeds of one
    fold are tested on the same frames.
    """
    tried = [row for row in rows if row["group"] == "lr"]
    for row in tried:
        print(f"lr {row['lr']}: max F on the validation photos {row['validation_max_f']}")
    for name, sets in _tables(rows).items():
        for shape in ("all", *GROUPS):
            print(f"\n| {name}, {shape} | runs | " + " | ".join(SHOWN) + " |")
            print("|---|---|" + "---|" * len(SHOWN))
            for arm, by_seed in sets.items():
                _print_arm(
                    arm, {s: scores[shape] for s, scores in by_seed.items() if shape in scores}
                )
        _print_differences(sets)


def compare_group(path: Path, group: str, work: Path) -> int:
    """Run ``report compare`` on the kept values of a group, the baseline first.

    Seeds are drawn there for each arm by itself. Only seeds that every arm has are taken. The folds
    of a seed are one run, for each tests other frames; frames of a video are drawn together.

    Returns:
        Its exit status.

    Raises:
        SystemExit: If the arms have no seed in common.
    """
    kept: dict[str, dict[int, dict[object, Path]]] = defaultdict(lambda: defaultdict(dict))
    for row in read_rows(path):
        if row["group"] == group and row["tested_on"] == row["trained_on"]:
            file = kept_file(path, str(row["run"]), row["tested_on"])
            kept[str(row["arm"])][int(str(row["seed"]))][row["fold"]] = file
    common = _seeds_of_all(kept)
    if not common:
        raise SystemExit(f"{path} has no seed that all arms of {group!r} have finished")
    arguments = []
    for arm in sorted(kept, key=lambda name: name != BASELINE):
        folders = {seed: work / "restored" / group / f"{arm}-{seed}" for seed in common}
        for seed, folder in folders.items():
            restore(list(kept[arm][seed].values()), folder)
        arguments.append(f"{arm}=" + ",".join(str(folder) for folder in folders.values()))
    if any(None not in folds for by_seed in kept.values() for folds in by_seed.values()):
        arguments += ["--groups", SEQUENCE.pattern]
    out = work / "compare" / group.replace(" ", "-").replace("%", "percent")
    return compare.main(["compare", *arguments, "--out", str(out)])


def _seeds_of_all(kept: Mapping[str, Mapping[int, Mapping[object, Path]]]) -> list[int]:
    """Return the seeds that every arm has, with all the folds that any has."""
    folds = {fold for by_seed in kept.values() for by_fold in by_seed.values() for fold in by_fold}
    finished = [
        {seed for seed, by_fold in by_seed.items() if by_fold.keys() == folds}
        for by_seed in kept.values()
    ]
    return sorted(set.intersection(*finished)) if finished else []


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
        runs = sorted(baseline.keys() & by_seed.keys())
        units = sorted({_unit(run) for run in runs})
        if arm == BASELINE or len(units) < 2:
            continue
        cells = []
        for key in ("max_f", "boundary_iou"):
            gaps = {run: by_seed[run]["all"][key] - baseline[run]["all"][key] for run in runs}
            found = [mean(gaps[run] for run in runs if _unit(run) == unit) for unit in units]
            half = student.ppf(0.975, len(found) - 1) * stdev(found) / math.sqrt(len(found))
            cells.append(f"{key} {mean(found):+.4f} +- {half:.4f}")
        what = "folds" if "/" in runs[0] else "seeds"
        print(f"{arm} - {BASELINE}, {len(units)} {what}: " + ", ".join(cells))


def _unit(run: str) -> str:
    """Return the fold of ``seed/fold``, the seed where there is none."""
    return run.rpartition("/")[2]
