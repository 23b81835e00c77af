"""A picture of a generated set: classes by methods, each from one source mask."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks.picture_tiles import Pixels, blank, picture_tile, text_tile
from callbacks.set_records import SetRecords, read_set
from datamodules.atomic import write_atomically
from datamodules.draft_source import OfOrigins
from datamodules.generation import GenerationRun
from datamodules.json_value import Json
from datamodules.sample import MaskKind
from datamodules.shard_pairs import image_and_coverage

GRID = "method_grid.png"
_SHOWN = ("bed", "fan", "bicycle", "gate", "bench")  # of MaskFactory's Fig. 3
_TILE, _GAP, _HEAD = 160, 4, 24  # pixels
_CELL = _TILE + _GAP


@dataclass(frozen=True, slots=True)
class _Row:
    """What is shown of a class: the pairs of one source, by method."""

    class_name: str
    key: str = ""
    """Of one of the pairs."""
    pairs: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Shard and place in it."""


class MethodGrid(Callback):
    """Writes ``method_grid.png`` into the set once all of it is published.

    A row is a class: the source mask of the one photo of which most methods are at hand, then for
    each method the mask that came of it and its image. A method is the chain of edits that a
    pair's provenance names, without their numbers. A field stays empty where no pair was kept.

    Args:
        classes: Rows, where the set has them; upper and lower case are the same. The set's other
            classes fill up what is left, most pairs first.
        max_methods: Columns; the most frequent ones are shown.

    Raises:
        ValueError: If there is no class, or `max_methods` is below 1.
    """

    def __init__(self, classes: Sequence[str] = _SHOWN, *, max_methods: int = 6) -> None:
        if not classes or max_methods < 1:
            raise ValueError(
                f"classes {list(classes)} and max_methods {max_methods}: give one or more of each, "
                "or leave the callback out for no picture"
            )
        self.classes = tuple(classes)
        self.max_methods = max_methods

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a run whose source cannot show what it began with.

        Raises:
            ValueError: If it is no generation run, or of such a source.
        """
        self._origins(_run(trainer))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the picture, if nothing of the plan is missing any more."""
        run = _run(trainer)
        if not run.missing():
            self.write(run)

    def write(self, run: GenerationRun) -> None:
        """Write the picture of a set whose source is prepared; none without a pair.

        Raises:
            DecodeError: If a pair or a photo is broken.
            OSError: If the picture cannot be written.
        """
        origins = self._origins(run)
        picture = self.picture(read_set(run.folder), origins)
        if picture is not None:
            data = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
            write_atomically(Path(run.folder) / GRID, data)

    def picture(self, found: SetRecords, origins: OfOrigins) -> Pixels | None:
        """Return the picture, ``(H, W, 3)`` uint8 RGB; None without a pair.

        Args:
            found: The set.
            origins: Its source.
        """
        methods, rows = self._chosen(found)
        if not rows:
            return None
        head = [text_tile(name, _HEAD, 2 * _CELL) for name in methods]
        lines = [np.hstack([blank(_HEAD, _TILE), text_tile("source", _HEAD, _CELL), *head])]
        for row in rows:
            source = picture_tile(origins.origin(row.key).mask.numpy(), _TILE, _GAP)
            pairs = [_pair(found, row.pairs.get(method)) for method in methods]
            lines.append(np.hstack([text_tile(row.class_name, _CELL, _TILE), source, *pairs]))
        return np.vstack(lines)

    def _chosen(self, found: SetRecords) -> tuple[list[str], list[_Row]]:
        """Return the methods, those of few edits first, and the rows."""
        rows: dict[str, dict[str, _Row]] = {}
        methods, classes = Counter[str](), Counter[str]()
        for shard, reader in found.shards.items():
            for place, pair in enumerate(reader.pairs):
                if pair["mask_kind"] != MaskKind.ALPHA.value:
                    continue
                name, method, key = _facts(pair)
                methods[method] += 1
                classes[name] += 1
                row = rows.setdefault(name, {}).setdefault(key.rpartition("~")[0], _Row(name, key))
                row.pairs.setdefault(method, (shard, place))
        shown = [name for name, _ in methods.most_common(self.max_methods)]
        wanted = [name.lower() for name in self.classes if name.lower() in classes]
        others = [name for name, _ in classes.most_common() if name not in wanted]
        names = [*wanted, *others][: len(self.classes)]
        best = [
            max(rows[name].values(), key=lambda row: len(row.pairs.keys() & set(shown)))
            for name in names
        ]
        return sorted(shown, key=lambda name: (name.count("+"), name)), best

    def _origins(self, run: GenerationRun) -> OfOrigins:
        source: object = run.source
        if not isinstance(source, OfOrigins):
            raise ValueError(
                f"MethodGrid cannot show what {type(source).__name__} began with: take "
                "generation.draft_sources.masks.MaskDrafts, or leave the callback out"
            )
        return source


def _run(trainer: Trainer) -> GenerationRun:
    data: object = trainer.datamodule  # type: ignore[attr-defined]  # set, not declared
    if not isinstance(data, GenerationRun):
        raise ValueError(
            f"MethodGrid needs datamodules.generation.GenerationRun, got {type(data).__name__}"
        )
    return data


def _facts(pair: Mapping[str, Json]) -> tuple[str, str, str]:
    """Return class, method and key of a pair."""
    names, provenance = pair["class_names"], pair["provenance"]
    assert isinstance(names, list)
    assert isinstance(provenance, dict)
    edits = provenance["edits"]
    assert isinstance(edits, list)
    method = "+".join(str(edit).partition("(")[0] for edit in edits)
    return str(names[0]).lower(), method or str(provenance["source"]), str(pair["key"])


def _pair(found: SetRecords, place: tuple[str, int] | None) -> Pixels:
    if place is None:
        return blank(_CELL, 2 * _CELL)
    shard, number = place
    planes = image_and_coverage(found.shards[shard].sample(number))
    return np.hstack([picture_tile(plane, _TILE, _GAP) for plane in reversed(planes)])
