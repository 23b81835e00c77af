"""The rows of `benchmarks.baselines` as tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean

from benchmarks.ablation_rows import Row, read_rows
from benchmarks.baselines_plan import ARMS, MIXTURE, NETWORKS, REAL, Network
from benchmarks.baselines_runs import scores_file
from benchmarks.baselines_scores import load
from benchmarks.interleaved import spread
from benchmarks.paired_intervals import differences, shown

_KEYS = ("max_f", "boundary_iou")
Seeds = Mapping[int, Row]


def show(path: Path) -> None:
    """Print, for each set, max F with and without synthetic pairs, and how it rose.

    A difference is of the seeds that both arms have, with the 95 % interval of a paired bootstrap
    over test photos and seeds (`benchmarks.paired_intervals`). Networks that are told where the
    object is stand in a table of their own. What was not trained is an empty row.
    """
    rows = read_rows(path)
    for name in dict.fromkeys(str(row["set"]) for row in rows):
        own = [row for row in rows if row["set"] == name]
        for is_prompted in (False, True):
            networks = [net for net in NETWORKS if net.is_prompted == is_prompted]
            _show_scores(path, own, networks, f"{name}, prompted" if is_prompted else name)
        _show_rising(own)


def seeds_of(rows: Sequence[Row], network: Network) -> dict[str, dict[int, Row]]:
    """Return arm -> seed -> row of a network on one set."""
    return {
        arm: {
            int(str(row["seed"])): row
            for row in rows
            if (row["network"], row["arm"]) == (network.key, arm)
        }
        for arm in ARMS
    }


def score(row: Row, key: str) -> float:
    """Return a score of all test photos of a row."""
    scores = row["scores"]
    assert isinstance(scores, dict)
    return float(scores[key])


def _show_scores(path: Path, rows: Sequence[Row], networks: Sequence[Network], title: str) -> None:
    heads = [f"{arm}: {key}" for key in _KEYS for arm in ARMS]
    gaps = [f"more {key}" for key in _KEYS]
    print(f"\n| {title} | px, batch, steps | weights | seeds | {' | '.join([*heads, *gaps])} |")
    print("|---|---|---|---|" + "---|" * (len(heads) + len(gaps)))
    for net in networks:
        arms = seeds_of(rows, net)
        common = sorted(arms[REAL].keys() & arms[MIXTURE].keys())
        plan = f"{net.size}, {net.batch}, {net.steps} | {net.initialisation} | {len(common)}"
        cells = _cells(path, arms, common) if common else [""] * (len(heads) + len(gaps))
        print(f"| {net.title} | {plan} | {' | '.join(cells)} |")


def _cells(path: Path, arms: Mapping[str, Seeds], common: Sequence[int]) -> list[str]:
    scores = {
        arm: [load(scores_file(path, str(arms[arm][seed]["run"]))) for seed in common]
        for arm in ARMS
    }
    found = differences(scores[MIXTURE], scores[REAL])
    numbers = [
        spread([score(arms[arm][seed], key) for seed in common], ".3f")
        for key in _KEYS
        for arm in ARMS
    ]
    return [*numbers, *(shown(found[key]) for key in _KEYS)]


def _show_rising(rows: Sequence[Row]) -> None:
    print(
        "\n| max F on the validation photos | seeds | at step: mean of the seeds |\n|---|---|---|"
    )
    for net in NETWORKS:
        for arm, by_seed in seeds_of(rows, net).items():
            if not by_seed:
                continue
            curves = [_rising(row) for row in by_seed.values()]
            first, *_, last = steps = list(curves[0])
            text = ", ".join(f"{step}: {mean(c[step] for c in curves):.3f}" for step in steps)
            rose = sum(curve[last] > curve[first] for curve in curves)
            print(f"| {net.title}, {arm} | {len(curves)}, {rose} rose | {text} |")


def _rising(row: Row) -> dict[str, float]:
    found = row["rising_max_f"]
    assert isinstance(found, dict)
    return found
