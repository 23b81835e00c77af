"""Data modules of tiny sets in the DIS5K layout."""

from collections.abc import Iterable
from pathlib import Path

from datamodules.batch import Batch
from datamodules.dis5k import DIS5K, Splits

SPLITS = Splits(test=("DIS-TE1",))


def small(root: Path, **arguments: object) -> DIS5K:
    defaults = {"size": 32, "batch_size": 4, "cache": None, "num_workers": 0, "splits": SPLITS}
    return DIS5K(root, **{**defaults, **arguments})  # type: ignore[arg-type]


def ready(root: Path, **arguments: object) -> DIS5K:
    data = small(root, **arguments)
    data.prepare_data()
    data.setup("fit")
    return data


def ids(batches: Iterable[Batch]) -> list[str]:
    return [id for batch in batches for id in batch.id]
