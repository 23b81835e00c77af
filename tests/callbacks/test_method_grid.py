from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from callbacks.method_grid import GRID, MethodGrid
from callbacks.set_records import read_set
from datamodules.generation import GenerationRun
from datamodules.generation_plan import Plan, write_plan
from datamodules.generation_result import FinishedShard
from datamodules.sample import Sample
from datamodules.shards import publish
from tests.datamodules.generation_toys import ToyDrafts, toy_sample

CELL, HEAD, NAME = 164, 24, 160
MADE = (  # key, class, edits, grey level of image and mask
    ("one~0", "Bed", ("paint(0)",), 10),
    ("two~0", "bed", ("view(azimuth=3)", "paint(1)"), 60),
    ("two~1", "bed", ("paint(1)",), 110),
    ("fan~0", "Fan", ("paint(2)",), 160),
    ("box~0", "box", ("paint(3)",), 210),
)


class Origins(ToyDrafts):
    """Source masks are half object."""

    def origin(self, key: str) -> Sample:
        mask = torch.zeros(8, 8, dtype=torch.uint8)
        mask[:, :4] = 40 if key.startswith("two") else 255
        return replace(toy_sample(size=(8, 8)), mask=mask)


def flat(id: str, name: str, edits: tuple[str, ...], level: int) -> Sample:
    sample = toy_sample(id, size=(8, 8))
    return replace(
        sample,
        image=torch.full_like(sample.image, level),
        mask=torch.full_like(sample.mask, level + 20),
        class_names=(name,),
        provenance=replace(sample.provenance, edits=edits),
    )


@pytest.fixture
def made(tmp_path: Path) -> GenerationRun:
    plan = Plan(recipe={}, keys=tuple(each[0] for each in MADE), shard_size=2, seed=0)
    write_plan(tmp_path, plan)
    told = {key: rest for key, *rest in MADE}
    for shard in plan.shards:
        pairs = tuple(flat(item.id, *told[item.key]) for item in shard.items)  # type: ignore[arg-type]
        finished = FinishedShard(shard=shard, samples=pairs, rejected=())
        publish(tmp_path, finished, plan=plan.digest, image_format="png", facts={})
    return GenerationRun(tmp_path, Origins())


def grid(run: GenerationRun, *classes: str) -> np.ndarray:
    shown = MethodGrid(classes or ("bed", "fan"), max_methods=2)
    picture = shown.picture(read_set(run.folder), run.source)
    assert picture is not None
    return picture


def level(picture: np.ndarray, row: int, tile: int) -> int:
    """Return the grey of the middle of a tile; the first is the source's mask, left of it."""
    y, x = HEAD + row * CELL + 80, NAME + tile * CELL + (20 if tile == 0 else 80)
    return int(picture[y, x, 0])


def test_row_is_of_the_source_with_most_methods_and_columns_begin_with_fewest_edits(
    made: GenerationRun,
) -> None:
    picture = grid(made)
    assert picture.shape == (HEAD + 2 * CELL, NAME + 5 * CELL, 3)
    # source, paint: mask and image, view and paint: mask and image
    assert [level(picture, 0, k) for k in range(5)] == [40, 130, 110, 80, 60]


def test_field_without_a_pair_is_empty(made: GenerationRun) -> None:
    assert [level(grid(made), 1, k) for k in range(5)] == [255, 180, 160, 24, 24]


def test_classes_that_the_set_lacks_are_made_up_for_by_others(made: GenerationRun) -> None:
    picture = grid(made, "gate", "Fan")
    assert level(picture, 0, 2) == 160  # asked for
    assert level(picture, 1, 2) == 110  # of most pairs


def test_picture_stands_in_the_set(made: GenerationRun) -> None:
    MethodGrid().write(made)
    assert cv2.imread(str(made.folder / GRID)) is not None


def test_set_without_a_pair_has_no_picture(tmp_path: Path) -> None:
    write_plan(tmp_path, Plan(recipe={}, keys=("a~0",), shard_size=1, seed=0))
    MethodGrid().write(GenerationRun(tmp_path, Origins()))
    assert not (tmp_path / GRID).exists()


def test_source_that_does_not_know_its_origins_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="what ToyDrafts began with"):
        MethodGrid().write(GenerationRun(tmp_path, ToyDrafts()))
    with pytest.raises(ValueError, match="one or more of each"):
        MethodGrid([])
