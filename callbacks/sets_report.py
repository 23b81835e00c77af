"""After sets of pairs were scored: one page with all of them side by side, and the numbers."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from callbacks import run_facts
from callbacks.names_extractor import NamesExtractor
from callbacks.sets_examples import farthest_examples, random_examples
from callbacks.sets_html import CONTENTS, SetsContent, SetsPictures, feature_rows, page
from callbacks.sets_measures import MEASURES
from callbacks.sets_plots import drift_pictures, plane_picture
from callbacks.similarity_report import as_numbers
from datamodules.atomic import write_atomically
from datamodules.json_value import Json
from datamodules.pair_sets import PairSets
from datamodules.two_folders import RESIZE_RULE
from metrics.diversity import Diversity
from metrics.feature_scores import ratio
from metrics.set_comparison import SetComparison
from metrics.synthetic import DescribedSet, Scores, SetQuality


@runtime_checkable
class ScoresSets(NamesExtractor, Protocol):
    """A module whose test scores sets of pairs."""

    @property
    def described(self) -> Mapping[str, DescribedSet]:
        """What was measured of each set, the real one first."""

    @property
    def qualities(self) -> Mapping[str, SetQuality]:
        """What was found of each other set."""


class SetsReport(Callback):
    """Writes ``sets/index.html`` and ``sets/sets.json`` into the run's folder.

    The JSON holds for each set, and for each of its groups, all fields of `SetComparison` of every
    measure by content, the ratio to the floor of those distances whose floor is above 0, drift and
    diversity.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a module that scores nothing, before hours of work.

        Raises:
            ValueError: If the module or the data are not those of sets.
        """
        data: object = trainer.datamodule  # type: ignore[attr-defined]  # set, not declared
        if not isinstance(pl_module, ScoresSets) or not isinstance(data, PairSets):
            raise ValueError(
                "SetsReport needs lightningmodules.set_quality.PairSetQuality and "
                f"datamodules.pair_sets.PairSets, got {type(pl_module).__name__} and "
                f"{type(data).__name__}"
            )

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the files and print the table, from the first process.

        Raises:
            OSError: If a file cannot be written.
        """
        data: object = trainer.datamodule  # type: ignore[attr-defined]  # set, not declared
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module, ScoresSets)
        assert isinstance(data, PairSets)
        content = SetsContent(
            described=pl_module.described,
            qualities=pl_module.qualities,
            extractor=pl_module.extractor,
            extractor_hash=pl_module.extractor_hash,
            origins=data.origins,
            facts={
                "resize": RESIZE_RULE,
                "command": run_facts.command(),
                "commit": run_facts.commit(),
                "versions": run_facts.versions(),
            },
        )
        folder = Path(trainer.default_root_dir) / "sets"
        write_atomically(folder / "sets.json", (json.dumps(numbers(content), indent=1)).encode())
        write_atomically(folder / "index.html", page(content, _pictures(content, data)).encode())
        _print(content, folder)


def numbers(content: SetsContent) -> dict[str, Json]:
    """Return everything that was found as plain values; None where it is undefined."""
    return {
        "real": content.real,
        "extractor": content.extractor,
        "extractor_hash": content.extractor_hash,
        "origins": dict(content.origins),
        **content.facts,
        "sets": {
            name: {
                **_scores(quality.whole),
                "groups": {group: _scores(found) for group, found in quality.groups.items()},
                "too_small": dict(quality.too_small),
                "diversity": {
                    kind: {of_class: _diversity(found) for of_class, found in classes.items()}
                    for kind, classes in quality.diversity.items()
                },
            }
            for name, quality in content.qualities.items()
        },
    }


def _scores(scores: Scores) -> dict[str, Json]:
    return {
        "num_images": scores.num_images,
        **{
            kind: {name: _numbers(name, found) for name, found in measures.items()}
            for kind, measures in scores.features.items()
        },
        "drift": {name: {**as_numbers(found)} for name, found in scores.drift.items()},
    }


def _numbers(name: str, found: SetComparison) -> dict[str, Json]:
    has_ratio = any(measure.ratio_key == name for measure in MEASURES)
    return {**as_numbers(found), **({"ratio": _defined(ratio(found))} if has_ratio else {})}


def _diversity(found: Diversity) -> dict[str, Json]:
    return {
        "num_real": found.num_real,
        "num_generated": found.num_generated,
        "real": _defined(found.real),
        "generated": _defined(found.generated),
        "ratio": _defined(found.ratio),
    }


def _defined(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _pictures(content: SetsContent, data: PairSets) -> SetsPictures:
    real = content.described[content.real].features["images"]
    examples = {name: [random_examples(source, seed=0)] for name, source in data.sources.items()}
    for name in content.qualities:
        features = content.described[name].features["images"]
        examples[name].append(farthest_examples(data.sources[name], real, features))
    return SetsPictures(
        planes={
            kind: [
                plane_picture(quality.planes[kind], name, number)
                for number, (name, quality) in enumerate(content.qualities.items())
                if kind in quality.planes
            ]
            for kind in CONTENTS
        },
        drift=drift_pictures(content.described),
        examples=examples,
    )


def _print(content: SetsContent, folder: Path) -> None:
    console = Console()
    wholes = [quality.whole for quality in content.qualities.values()]
    for kind in CONTENTS:
        table = Table(title=Text(f"{kind}, beside {content.real}"), title_justify="left")
        table.add_column("")
        for name in content.qualities:
            table.add_column(Text(name), justify="right")
            table.add_column("floor", justify="right", style="dim")
        for row in feature_rows(wholes, kind):
            cells = [
                text
                for cell in row.cells
                for text in (("", "") if cell is None else (cell.value, cell.floor))
            ]
            table.add_row(row.title, *cells)
        console.print(table)
    console.print(f"sets: {folder / 'index.html'}", soft_wrap=True, markup=False, highlight=False)
