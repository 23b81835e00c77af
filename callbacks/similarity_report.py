"""After a comparison of two sets: the numbers, a picture, and a table in the terminal."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from torch import Tensor

from callbacks import run_facts
from callbacks.names_extractor import NamesExtractor
from callbacks.similarity_plot import FLOOR_BAND, similarity_plot
from datamodules.atomic import write_atomically
from datamodules.two_folders import RESIZE_RULE, TwoFolders
from metrics.set_comparison import SetComparison


@runtime_checkable
class ComparesSets(NamesExtractor, Protocol):
    """A module whose test compares two sets of images."""

    @property
    def comparisons(self) -> Mapping[str, SetComparison]:
        """What the last test found, by the name of the distance."""


class SimilarityReport(Callback):
    """Writes ``similarity/similarity.json`` and ``similarity.png`` into the run's folder.

    The JSON holds, for each distance, the fields of `SetComparison` and `standard_scores`; beside
    them extractor, hash of its weights, resize rule, folders, command, commit and versions.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a module that compares nothing, before hours of work.

        Raises:
            ValueError: If the module or the data are not those of a comparison.
        """
        if not isinstance(pl_module, ComparesSets) or not isinstance(_data(trainer), TwoFolders):
            raise ValueError(
                "SimilarityReport needs lightningmodules.similarity.SetSimilarity and "
                f"datamodules.two_folders.TwoFolders, got {type(pl_module).__name__} and "
                f"{type(_data(trainer)).__name__}"
            )

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the files and print the table, from the first process.

        Raises:
            OSError: If a file cannot be written.
        """
        data = _data(trainer)
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module, ComparesSets)
        assert isinstance(data, TwoFolders)
        folder = Path(trainer.default_root_dir) / "similarity"
        content = {
            **{name: as_numbers(found) for name, found in pl_module.comparisons.items()},
            "extractor": pl_module.extractor,
            "extractor_hash": pl_module.extractor_hash,
            "content": data.content,
            "resize": RESIZE_RULE,
            "real": str(data.real),
            "generated": str(data.generated),
            "command": run_facts.command(),
            "commit": run_facts.commit(),
            "versions": run_facts.versions(),
        }
        write_atomically(folder / "similarity.png", similarity_plot(pl_module.comparisons))
        write_atomically(
            folder / "similarity.json", (json.dumps(content, indent=2) + "\n").encode()
        )
        _print(pl_module.comparisons, pl_module.extractor, folder)


def as_numbers(found: SetComparison) -> dict[str, float | int | None]:
    """Return the fields as plain numbers, and `standard_scores`; None where it is undefined."""
    scores = standard_scores(found)
    return {
        **{
            name: value if isinstance(value, int) else float(value)
            for name, value in found._asdict().items()
        },
        "standard_scores": scores if math.isfinite(scores) else None,
    }


def standard_scores(found: SetComparison) -> float:
    """Return how many standard deviations of the floor the generated set lies above its mean.

    Near 0, of either sign, nothing is shown to differ at this size. It is no test of significance:
    draws share images, so it exceeds what independent sets would give. A ratio would not do: the
    floor of an unbiased distance is about 0. Infinite where the floor does not vary.
    """
    spread = float(found.floor_std)
    excess = float(found.matched_mean - found.floor_mean)
    return excess / spread if spread > 0 else math.copysign(math.inf, excess)


def lies_above_floor(found: SetComparison) -> bool:
    """Return whether the generated set lies above the band that the picture shows of the floor."""
    return standard_scores(found) > FLOOR_BAND


def _data(trainer: Trainer) -> object:
    return trainer.datamodule  # type: ignore[attr-defined]  # set, not declared


def _print(comparisons: Mapping[str, SetComparison], extractor: str, folder: Path) -> None:
    console = Console()
    for name, found in comparisons.items():
        title = f"{name}: {found.num_generated} generated and {found.num_real} real, {extractor}"
        table = Table(title=Text(title), title_justify="left")
        for column in ("", "distance", "spread"):
            table.add_column(column, justify="left" if not column else "right")
        table.add_row("all images", f"{float(found.value):.4g}", "", style="bold")
        table.add_row(
            f"generated to real, {found.size} each", *_cells(found.matched_mean, found.matched_std)
        )
        table.add_row(
            f"real to real, {found.size} each", *_cells(found.floor_mean, found.floor_std)
        )
        if lies_above_floor(found):
            table.add_row("above the floor", f"{standard_scores(found):.1f}", "floor spreads")
        console.print(table)
        if not lies_above_floor(found):
            console.print(
                f"{name}: within the spread of the floor: {found.size} images each are too few to "
                "tell the sets apart, if they differ",
                style="yellow",
                soft_wrap=True,
                markup=False,
                highlight=False,
            )
    console.print(f"similarity: {folder}", soft_wrap=True, markup=False, highlight=False)


def _cells(mean: Tensor, std: Tensor) -> tuple[str, str]:
    return f"{float(mean):.4g}", f"{float(std):.2g}"
