"""A comparison as a folder: a page for people, the same numbers for programs."""

import json
from dataclasses import asdict
from pathlib import Path

from callbacks.atomic_folder import replace_folder
from callbacks.compare_content import Comparison, verdict
from callbacks.compare_html import page
from callbacks.compare_plots import draw_plots
from callbacks.compare_results import PER_IMAGE, SEED, Against, MethodResult, Results
from callbacks.compare_runs import ComparisonError
from callbacks.compare_statistics import LEVEL

PAGE = "compare.html"
NUMBERS = "compare.json"


def refuse_other_folder(folder: Path) -> None:
    """Check that replacing `folder` destroys nothing but an earlier comparison.

    Raises:
        ComparisonError: If it holds something else.
    """
    if folder.is_dir() and (not any(folder.iterdir()) or (folder / NUMBERS).is_file()):
        return
    if folder.exists():
        raise ComparisonError(
            f"--out {folder} exists and holds no {NUMBERS}: it would be replaced, give another"
        )


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Write the page, the numbers and the plots; `folder` is replaced as a whole.

    Raises:
        OSError: If it cannot be written; `folder` is then as it was.
    """
    plots = draw_plots(comparison)
    replace_folder(
        folder,
        {
            PAGE: page(comparison, plots).encode(),
            NUMBERS: (json.dumps(_numbers(comparison), indent=2) + "\n").encode(),
            "differences.png": plots.forest.light,
            **{f"scatter_{n}.png": p.light for n, p in enumerate(plots.scatters, start=1)},
        },
    )


def _numbers(comparison: Comparison) -> dict[str, object]:
    return {
        "images": len(comparison.ids),
        "units": {"are": comparison.unit_title, "number": comparison.num_units},
        "draws": comparison.num_draws,
        "seed": SEED,
        "level": LEVEL,
        "notes": list(comparison.notes),
        **_results(comparison, comparison.whole),
        "subsets": {
            name: {"images": len(results.ids)} | _results(comparison, results)
            for name, results in comparison.subsets.items()
        },
        "per_image": {
            "measure": PER_IMAGE,
            "id": list(comparison.ids),
            "baseline": comparison.baseline.per_image.tolist(),
            "others": [against.result.per_image.tolist() for against in comparison.others],
        },
    }


def _results(comparison: Comparison, results: Results) -> dict[str, object]:
    return {
        "baseline": _method(results.baseline),
        "others": [
            _method(against.result) | {"differences": _differences(comparison, against)}
            for against in results.others
        ],
    }


def _method(result: MethodResult) -> dict[str, object]:
    runs = zip(result.method.runs, result.run_values, strict=True)
    return {
        "name": result.method.name,
        "values": dict(result.values),
        "runs": [{"path": str(path), "values": dict(values)} for path, values in runs],
    }


def _differences(comparison: Comparison, against: Against) -> dict[str, object]:
    found = {measure: against.intervals[measure.key] for measure in comparison.measures}
    return {
        measure.key: asdict(interval)
        | {
            "excludes_zero": interval.excludes_zero,
            "detectable": interval.detectable,
            "verdict": verdict(measure, interval),
        }
        for measure, interval in found.items()
    }
