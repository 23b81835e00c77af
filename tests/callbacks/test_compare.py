import csv
import json
import subprocess
import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from callbacks.compare import main
from callbacks.compare_content import compare, verdict
from callbacks.compare_html import largest_changes
from callbacks.compare_plots import panel_span
from callbacks.compare_runs import Method, parse_method
from callbacks.compare_statistics import interval
from callbacks.compare_table import shown, tables
from metrics.measures import MEASURES, PIXELWISE
from metrics.scores import ImageScores, image_scores
from metrics.set_scores import set_scores
from tests.callbacks.written_runs import COLUMNS, methods, numbers, write_run


@pytest.fixture
def two(tmp_path: Path) -> tuple[str, str]:
    first, second = write_run(tmp_path / "a", numbers(1)), write_run(tmp_path / "b", numbers(2))
    return str(first), str(second)


@pytest.mark.slow
def test_page_and_numbers_are_written(
    two: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["compare", *two, "--out", str(out), "--draws", "200"]) == 0
    written = json.loads((out / "compare.json").read_text())
    assert written["baseline"]["name"] == "a"
    assert [other["name"] for other in written["others"]] == ["b"]
    assert list(written["others"][0]["differences"]) == [measure.key for measure in MEASURES]
    assert {path.name for path in out.iterdir()} == {
        "compare.html", "compare.json", "differences.png", "scatter_1.png"
    }  # fmt: skip
    page = (out / "compare.html").read_text()
    assert "b against a" in page
    assert "http" not in page
    assert str(out / "compare.html") in capsys.readouterr().out


def test_full_set_gives_the_numbers_of_the_report(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    expected = []
    for name in ("a", "b"):
        maps = torch.randint(256, (2, 9, 8, 8), generator=generator, dtype=torch.uint8)
        scored = [image_scores(*pair, None, measures=PIXELWISE) for pair in zip(*maps, strict=True)]
        expected.append(set_scores(scored).values())
        run = write_run(tmp_path / name, numbers(1, num=9))
        rewrite(run / "report", scored)
    found = compare(methods(a=tmp_path / "a", b=run), groups=None, num_draws=100, common=False)
    results = (found.baseline, found.others[0].result)
    assert [result.values for result in results] == [pytest.approx(e, abs=1e-11) for e in expected]


def rewrite(report: Path, scored: Sequence[ImageScores]) -> None:
    """Put real scores into the files of a report."""
    table = report / "per_image.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, scores in zip(rows, scored, strict=True):
        for key in COLUMNS:
            del row[key]
        row.update({key: str(value) for key, value in scores.values.items()})
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    curves = {name: torch.stack([s.curves[name] for s in scored]).numpy() for name in ("f", "e")}
    np.savez(report / "curves.npz", id=[row["id"] for row in rows], **curves)


def test_same_runs_give_the_same_intervals(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / str(seed), numbers(seed)) for seed in range(4)]
    pair = [Method(name="old", runs=tuple(paths[:2])), Method(name="new", runs=tuple(paths[2:]))]
    once, again = (compare(pair, groups=None, num_draws=100, common=False) for _ in range(2))
    assert once.others[0].intervals == again.others[0].intervals


def test_identical_runs_are_not_told_apart(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / name, numbers(1)) for name in ("a", "b")]
    found = compare(methods(a=paths[0], b=paths[1]), groups=None, num_draws=100, common=False)
    for measure in MEASURES:
        of = found.others[0].intervals[measure.key]
        assert (of.difference, of.low, of.high, of.p) == (0, 0, 0, 1)
    changes = largest_changes(found, found.others[0])
    assert changes == {"gain": [], "loss": []}


@pytest.mark.parametrize(
    ("higher", "draws", "expected"),
    [
        (True, np.full(200, 0.1), "better"),
        (True, np.full(200, -0.1), "worse"),
        (False, np.full(200, 0.1), "worse"),
        (False, np.full(200, -0.1), "better"),
        (True, np.linspace(-1, 1, 200), "not told apart"),
    ],
)
def test_verdict_knows_which_way_is_better(higher: bool, draws: np.ndarray, expected: str) -> None:
    measure = next(m for m in MEASURES if m.higher_is_better == higher)
    assert verdict(measure, interval(float(draws.mean()), draws)) == expected


@pytest.mark.parametrize(
    ("key", "expected"), [("mae", "below .0005"), ("dice", "below .0005"), ("hce", "better")]
)
def test_difference_that_nobody_cares_about_is_no_verdict(key: str, expected: str) -> None:
    measure = next(m for m in MEASURES if m.key == key)
    difference = 4e-4 if measure.higher_is_better else -4e-4
    assert verdict(measure, interval(difference, np.full(200, difference))) == expected


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("mae", -2.34e-5, "-2.3e-05"),
        ("mae", -0.00012, "-0.0001"),
        ("mae", 0.0, "+0.0000"),
        ("hce", 0.04, "+0.04"),
        ("hce", 1234.56, "+1234.6"),
    ],
)
def test_number_that_its_decimals_would_hide_is_shown_by_two_digits(
    key: str, value: float, expected: str
) -> None:
    measure = next(m for m in MEASURES if m.key == key)
    assert shown(measure, value, signed=True) == expected


def test_runs_of_one_method_are_averaged(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / str(seed), numbers(seed)) for seed in range(4)]
    pair = [
        Method(name="old", runs=tuple(paths[:1])),
        Method(name="new", runs=tuple(paths[1:])),
    ]
    found = compare(pair, groups=None, num_draws=500, common=False)
    new = found.others[0].result
    means = [numbers(seed).mean() for seed in (1, 2, 3)]
    assert new.values["mae"] == pytest.approx(np.mean(means))
    assert [run["mae"] for run in new.run_values] == pytest.approx(means)
    assert new.per_image == pytest.approx(np.mean([numbers(s) for s in (1, 2, 3)], axis=0))
    assert any(note.startswith("one run of old:") for note in found.notes)
    assert any(note.startswith("few runs (3 of new):") for note in found.notes)


def test_single_images_that_changed_most_are_listed(tmp_path: Path) -> None:
    before, after = numbers(1), numbers(1)
    after[[3, 5, 7]] += [0.05, -0.3, 0.2]
    first, second = write_run(tmp_path / "a", before), write_run(tmp_path / "b", after)
    found = compare(methods(a=first, b=second), groups=None, num_draws=100, common=False)
    changes = largest_changes(found, found.others[0])
    assert [change.id for change in changes["gain"]] == ["video1/007", "video0/003"]
    assert [change.id for change in changes["loss"]] == ["video1/005"]


def test_subsets_are_compared_by_themselves(tmp_path: Path) -> None:
    before, after = numbers(1), numbers(1)
    after[:4] += 0.05
    first, second = write_run(tmp_path / "a", before), write_run(tmp_path / "b", after)
    runs = methods(a=first, b=second)
    found = compare(runs, groups=None, num_draws=100, common=False)
    means = {name: r.others[0].intervals["mean_f"].low for name, r in found.subsets.items()}
    assert means == pytest.approx({"video0": 0.05, "video1": 0, "video2": 0}, abs=1e-8)
    assert [len(results.ids) for results in found.subsets.values()] == [4, 4, 4]
    grouped = compare(runs, groups="subset", num_draws=100, common=False)
    assert grouped.subsets == {}
    videos = compare(runs, groups="^(.*)/", num_draws=100, common=False)
    assert videos.subsets == {}


def test_table_fits_a_terminal_of_80_columns(tmp_path: Path) -> None:
    first, second = write_run(tmp_path / "a", numbers(1)), write_run(tmp_path / "b", numbers(2))
    runs = methods(a_rather_long_name=first, another_long_name=second)
    found = compare(runs, groups=None, num_draws=100, common=False)
    console = Console(width=80, record=True, file=StringIO())
    console.print(tables(found))
    text = console.export_text()
    assert "boundary IoU" in text
    assert "\N{HORIZONTAL ELLIPSIS}" not in text


def test_tiny_differences_fit_a_terminal_of_80_columns(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", numbers(1))
    second = write_run(tmp_path / "b", numbers(1) - 2.5e-5)
    found = compare(methods(a=first, b=second), groups=None, num_draws=100, common=False)
    console = Console(width=80, record=True, file=StringIO())
    console.print(tables(found))
    text = console.export_text()
    assert "-2.5e-05" in text
    assert "< .0005" in text
    assert "\N{HORIZONTAL ELLIPSIS}" not in text


def panel_of(*differences: float) -> tuple[float, float]:
    noise = np.linspace(-0.01, 0.01, 100)
    return panel_span([interval(d, d + noise) for d in differences])


def test_far_difference_does_not_shrink_the_intervals_of_the_others() -> None:
    low, high = panel_of(0.005, -0.4)
    assert low > -0.05
    assert high < 0.05


def test_panel_of_like_differences_holds_them_all() -> None:
    low, high = panel_of(0.02, -0.03, 0.01)
    assert low <= -0.039
    assert high >= 0.029


def test_panel_of_equal_runs_has_some_width() -> None:
    assert panel_span([interval(0.0, np.zeros(100))]) == (-1, 1)


def test_few_units_are_warned_about(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / name, numbers(1)) for name in ("a", "b")]
    found = compare(methods(a=paths[0], b=paths[1]), groups="subset", num_draws=100, common=False)
    assert found.num_units == 3
    assert "only 3 subsets to draw from: the intervals mean little" in found.notes


@pytest.mark.parametrize(("num", "noted"), [(29, True), (30, False)])
def test_fewer_than_thirty_images_are_noted(tmp_path: Path, num: int, noted: bool) -> None:
    paths = [write_run(tmp_path / name, numbers(1, num=num)) for name in ("a", "b")]
    found = compare(methods(a=paths[0], b=paths[1]), groups=None, num_draws=100, common=False)
    assert any("images to draw from" in note for note in found.notes) is noted


def test_measure_that_a_report_lacks_is_named_and_left_out(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", numbers(1))
    second = write_run(tmp_path / "b", numbers(2), columns=COLUMNS[:2], curves=["f"])
    found = compare(methods(a=first, b=second), groups=None, num_draws=100, common=False)
    assert [m.key for m in found.measures] == ["mae", "max_f", "mean_f"]
    assert f"HCE is not compared: {second} does not have it" in found.notes
    assert f"max E is not compared: {second} has no such curves" in found.notes


def test_measure_without_a_number_for_some_image_is_left_out(tmp_path: Path) -> None:
    first, second = write_run(tmp_path / "a", numbers(1)), write_run(tmp_path / "b", numbers(2))
    table = second / "report/per_image.csv"
    lines = table.read_text().splitlines()
    cells = lines[4].split(",")
    cells[lines[0].split(",").index("mba")] = ""
    table.write_text("\n".join([*lines[:4], ",".join(cells), *lines[5:]]) + "\n")
    found = compare(methods(a=first, b=second), groups=None, num_draws=100, common=False)
    assert "mba" not in [measure.key for measure in found.measures]
    assert f"mBA is not compared: 1 images of {second} have no number" in found.notes


def test_report_without_mean_f_has_no_image_by_image_part(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", numbers(1), columns=["mae"])
    second = write_run(tmp_path / "b", numbers(2), columns=["mae"])
    out = tmp_path / "out"
    assert main(["compare", str(first), str(second), "--out", str(out), "--draws", "100"]) == 0
    assert "Image by image" not in (out / "compare.html").read_text()
    assert not (out / "scatter_1.png").exists()


def test_common_images_are_compared_on_request(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", numbers(1, num=12))
    second = write_run(tmp_path / "b", numbers(2, num=7))
    found = compare(methods(a=first, b=second), groups=None, num_draws=100, common=True)
    assert len(found.ids) == 7
    assert found.baseline.values["mae"] == pytest.approx(numbers(1)[:7].mean())
    expected = "only the 7 images that all runs have are compared; a run has up to 12"
    assert expected in found.notes


@pytest.mark.slow
def test_earlier_comparison_is_replaced(two: tuple[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "compare.json").touch()
    (out / "stale.png").touch()
    assert main(["compare", *two, "--out", str(out), "--draws", "100"]) == 0
    assert not (out / "stale.png").exists()
    assert not list(tmp_path.glob(".out-*"))


def test_report_folder_stands_for_its_run(two: tuple[str, str]) -> None:
    assert parse_method(f"{two[0]}/report").name == "a"
    assert parse_method(two[0]).name == "a"


def test_method_names_its_runs() -> None:
    expected = Method(name="new", runs=(Path("r/1"), Path("r/2")))
    assert parse_method("new=r/1,r/2") == expected


def test_existing_folder_with_an_equals_sign_is_a_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "lr=0.1,0.2", numbers(1))
    assert parse_method(str(run)) == Method(name="lr=0.1,0.2", runs=(run,))


@pytest.mark.slow
def test_module_answers_with_its_usage_and_without_a_warning() -> None:
    command = [sys.executable, "-W", "error::RuntimeWarning", "-m", "callbacks.report"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python -m callbacks.report")
