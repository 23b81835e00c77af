"""The house stands as designed: imports point down, and nothing shadows our packages."""

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "networks": set(),
    "metrics": set(),
    "datamodules": set(),
    "generation": {"networks", "metrics", "datamodules"},
    "lightningmodules": {"networks", "metrics", "datamodules", "generation"},
    "callbacks": {"datamodules", "metrics"},
    "train": {
        "networks",
        "metrics",
        "datamodules",
        "generation",
        "lightningmodules",
        "callbacks",
    },
}
OURS = {*MAY_IMPORT, "benchmarks", "tests"}


def imported_packages(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_down(package: str) -> None:
    modules = sorted((ROOT / package).rglob("*.py"))
    assert modules
    for path in modules:
        wrong = (imported_packages(path) & OURS) - MAY_IMPORT[package] - {package}
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_package_is_the_one_of_this_clone(package: str) -> None:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(ROOT)


@pytest.mark.parametrize(
    "path", sorted(p for package in MAY_IMPORT for p in (ROOT / package).rglob("*.py"))
)
def test_file_is_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400
