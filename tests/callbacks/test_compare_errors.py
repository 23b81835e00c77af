"""What a comparison refuses, each in one line with the cure."""

from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from callbacks.compare import main
from callbacks.compare_content import compare
from callbacks.compare_runs import ComparisonError, parse_method
from tests.callbacks.written_runs import methods, numbers, write_run


@pytest.fixture
def two(tmp_path: Path) -> tuple[str, str]:
    first, second = write_run(tmp_path / "a", numbers(1)), write_run(tmp_path / "b", numbers(2))
    return str(first), str(second)


def failing(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["compare", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error


@pytest.mark.parametrize("more", [[], ["--common"]])
def test_same_names_in_other_folders_are_pointed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    first = write_run(tmp_path / "a", numbers(1, num=12))
    second = write_run(tmp_path / "b", numbers(2, num=12), flat=True)
    error = failing(capsys, str(first), str(second), *more)
    assert "12 names are in both, but in other folders ('video0/000' and '000')" in error


def test_other_images_are_refused_with_counts_and_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = write_run(tmp_path / "a", numbers(1, num=12))
    second = write_run(tmp_path / "b", numbers(2, num=7))
    error = failing(capsys, str(first), str(second), "--out", str(tmp_path / "out"))
    assert f"5 only in {first} (video1/007, video2/008, video2/009, ...)" in error
    assert f"0 only in {second}:" in error
    assert "--common" in error


def test_truth_of_another_size_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = write_run(tmp_path / "a", numbers(1))
    second = write_run(tmp_path / "b", numbers(2), size=(6, 4))
    error = failing(capsys, str(first), str(second), "--out", str(tmp_path / "out"))
    assert "12 truths differ in size" in error
    assert f"video0/000 is 6 x 4 in {first} and 4 x 6 in {second}" in error


def test_another_truth_of_the_same_size_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    areas = [0.25] * 12
    first = write_run(tmp_path / "a", numbers(1), areas=areas)
    second = write_run(tmp_path / "b", numbers(2), areas=[*areas[:11], 0.5])
    error = failing(capsys, str(first), str(second), "--out", str(tmp_path / "out"))
    assert f"1 truths differ: that of {IDS[11]} covers 25.0000% of the image in {first}" in error
    assert f"50.0000% in {second}: test both against the same masks" in error


@pytest.mark.parametrize("areas", [None, [0.25] * 12])
def test_truths_that_do_not_differ_as_far_as_is_known_are_compared(
    tmp_path: Path, areas: list[float] | None
) -> None:
    first = write_run(tmp_path / "a", numbers(1), areas=[0.25] * 12)
    second = write_run(tmp_path / "b", numbers(2), areas=areas)
    found = compare(methods(a=first, b=second), groups=None, num_draws=100, common=False)
    assert len(found.ids) == 12


def test_prompted_network_is_not_set_beside_one_that_saw_the_photo_alone(
    two: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (Path(two[1]) / "report" / "protocol.txt").write_text("prompted: a box was given\n")
    error = failing(capsys, *two, "--out", str(tmp_path / "out"))
    assert f"{two[0]} and {two[1]} were tested by two protocols" in error
    assert "(the network saw the photo alone; prompted: a box was given)" in error


def test_networks_that_were_told_the_same_are_compared(two: tuple[str, str]) -> None:
    for run in two:
        (Path(run) / "report" / "protocol.txt").write_text("prompted: a box was given\n")
    runs = methods(a=Path(two[0]), b=Path(two[1]))
    assert len(compare(runs, groups=None, num_draws=100, common=False).ids) == 12


def test_folder_that_is_no_comparison_is_not_replaced(
    two: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = failing(capsys, *two, "--out", two[0])
    assert "holds no compare.json: it would be replaced" in error
    assert (Path(two[0]) / "report").is_dir()


def remove(name: str) -> Callable[[Path], None]:
    return lambda report: (report / name).unlink()


def write(name: str, text: str) -> Callable[[Path], None]:
    def spoil(report: Path) -> None:
        (report / name).write_text(text)

    return spoil


def write_curves(arrays: Mapping[str, object]) -> Callable[[Path], None]:
    return lambda report: np.savez(report / "curves.npz", **arrays)


IDS = [f"video{place // 4}/{place:03d}" for place in range(12)]
HEAD = "id,subset,class_name,height,width,mae\n"


def damage(report: Path) -> None:
    """Spoil the compressed bytes of the F curves, as a bad disk would."""
    path = report / "curves.npz"
    np.savez_compressed(path, id=IDS, f=numbers(1, 12 * 256).reshape(12, 256))
    with ZipFile(path) as archive:
        start = archive.getinfo("f.npy").header_offset
    data = bytearray(path.read_bytes())
    start += 30 + len("f.npy") + int.from_bytes(data[start + 28 : start + 30], "little")
    data[start : start + 64] = b"\xff" * 64
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove("curves.npz"), "curves.npz is missing .*: test that run again"),
        (remove("per_image.csv"), "holds no report/per_image.csv: test that run first"),
        (write("curves.npz", "no archive"), "curves.npz holds no curves .*: test that run again"),
        (write("per_image.csv", ""), "per_image.csv holds no image: test that run again"),
        (write("per_image.csv", "id,mae\na,1\n"), "lacks the columns subset, class_name, height"),
        (write("per_image.csv", HEAD + "a,,,1,1,x\n"), "could not convert string to float: 'x'"),
        (write("per_image.csv", HEAD + "a,,,1\n"), "lines of different lengths"),
        (write("per_image.csv", HEAD + "a,,,1,1,0\n" * 2), "holds an id twice"),
        (write_curves({"id": IDS[:5], "f": np.ones((5, 4))}), "do not hold the same images"),
        (write_curves({"id": IDS, "f": np.full((12, 4), np.nan)}), "'f' is no curve of numbers"),
        (write_curves({"id": IDS, "f": np.ones(12)}), "'f' is no curve of numbers"),
        (write_curves({"f": np.ones((12, 4))}), "curves.npz holds no curves"),
        (write_curves({"id": IDS, "f": np.full((12, 4), "high")}), "'f' is no curve of numbers"),
        (damage, "curves.npz holds no curves .*: test that run again"),
    ],
)
def test_spoilt_report_is_refused_in_one_line(
    spoil: Callable[[Path], None],
    message: str,
    two: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(Path(two[1]) / "report")
    failing(capsys, *two, "--out", str(tmp_path / "out"))
    with pytest.raises(ComparisonError, match=message):
        compare([parse_method(run) for run in two], groups=None, num_draws=100, common=False)


def test_missing_run_is_refused(two: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "none is no folder: give the folder of a run" in failing(capsys, two[0], "none")


def test_single_run_is_refused(two: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "only 'a' is named: give two runs or more" in failing(capsys, two[0])


def test_methods_of_one_name_are_refused(
    two: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "2 runs are called 'a': name them, as in NAME=RUN" in failing(capsys, two[0], two[0])


@pytest.mark.parametrize("argument", ["=r", "a=", "a=,", "a=r,./r"])
def test_method_without_a_name_or_with_a_run_twice_is_refused(argument: str) -> None:
    with pytest.raises(ComparisonError, match=r"names (no|a) run"):
        parse_method(argument)


@pytest.mark.parametrize(
    "arguments", [[], ["nothing"], ["compare"], ["compare", "a", "b", "--draws", "7"]]
)
def test_wrong_usage_prints_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: python -m callbacks.report" in capsys.readouterr().err


def test_abbreviated_option_is_refused(two: tuple[str, str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["compare", *two, "--group", "subset"])
