"""Folders of maps as other programs write them: here Pillow, never our own writer."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from datamodules.prediction_views import PredictionBatch, read_map
from datamodules.predictions import PredictionFolder
from datamodules.problems import DatasetError, ProblemKind

SOFT = np.random.default_rng(0).integers(0, 256, (31, 23), np.uint8)
HARD = np.where(SOFT > 128, 255, 0).astype(np.uint8)


class Strategy:
    """One process: what is told to all is told to itself."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def broadcast(self, content: object) -> object:
        self.told.append(content)
        return content


@dataclass
class Place:
    """What a DataModule reads of a trainer."""

    global_rank: int
    world_size: int
    default_root_dir: str = ""
    strategy: Strategy = field(default_factory=Strategy)
    num_nodes: int = 1


def save(root: Path, **planes: NDArray[np.uint8]) -> Path:
    """Write grey PNGs; two underscores in a name make a folder."""
    for name, pixels in planes.items():
        path = root / f"{name.replace('__', '/')}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return root


def ready(predictions: Path, masks: Path, **arguments: object) -> PredictionFolder:
    data = PredictionFolder(predictions, masks, **arguments)  # type: ignore[arg-type]
    data.prepare_data()
    data.setup("test")
    return data


def ids(batches: Iterable[PredictionBatch]) -> list[str]:
    return [id for batch in batches for id in batch.id]


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        *(("L", "a.png"), ("L", "a.webp"), ("L", "a.tif"), ("L", "a.bmp"), ("RGB", "a.png")),
        *(("P", "a.png"), ("I;16", "a.png"), ("I;16", "a.tif"), ("RGBA", "a.png")),
    ],
)
def test_map_of_any_kind_is_read_as_it_was_meant(mode: str, name: str, tmp_path: Path) -> None:
    picture = Image.fromarray(SOFT)
    if mode == "I;16":
        picture = Image.fromarray(SOFT.astype(np.uint16) * 257)
    elif mode != "L":
        picture = picture.convert(mode)
    options = {"lossless": True} if name.endswith("webp") else {}
    picture.save(tmp_path / name, **options)
    np.testing.assert_array_equal(read_map(tmp_path / name), SOFT)


def test_cut_out_is_read_by_its_alpha(tmp_path: Path) -> None:
    photo = np.full((31, 23, 3), 77, np.uint8)
    Image.fromarray(np.dstack([photo, SOFT])).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_map(tmp_path / "a.png"), SOFT)


def test_one_bit_is_all_or_nothing(tmp_path: Path) -> None:
    Image.fromarray(HARD).convert("1").save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_map(tmp_path / "a.png"), HARD)


def test_jpeg_is_close(tmp_path: Path) -> None:
    smooth = np.tile(np.arange(0, 230, 10, dtype=np.uint8), (31, 1))
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_map(tmp_path / "a.jpg").astype(int) - smooth).max() <= 4


def test_a_map_that_is_nearly_black_stays_so(tmp_path: Path) -> None:
    """As a mask, a file without any value above 1 would be one of 0 and 1."""
    Image.fromarray(SOFT % 2).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_map(tmp_path / "a.png"), SOFT % 2)


def test_batch_holds_truths_and_maps_at_their_own_sizes(tmp_path: Path) -> None:
    masks = save(tmp_path / "masks", a=HARD, s__b=HARD[:, :5])
    maps = save(tmp_path / "maps", a=SOFT, s__b=SOFT)
    (batch,) = ready(maps, masks, batch_size=2).test_dataloader()
    assert batch.id == ["a", "s/b"]
    assert batch.size == [(31, 23), (31, 5)]
    assert torch.equal(batch.truth[1], torch.from_numpy(HARD[:, :5].copy()))
    assert torch.equal(batch.prediction[1], torch.from_numpy(SOFT))
    assert batch.truth_weight == [None, None]
    assert batch.image.shape == (2, 3, 0, 0)
    assert batch.image.dtype == torch.uint8


def test_floats_come_after_the_transfer(tmp_path: Path) -> None:
    data = ready(save(tmp_path / "maps", a=SOFT), save(tmp_path / "masks", a=HARD))
    (batch,) = data.test_dataloader()
    moved = data.on_after_batch_transfer(batch, 0)
    assert isinstance(moved, PredictionBatch)
    assert moved.image.dtype == torch.float32
    assert torch.equal(moved.prediction[0], torch.from_numpy(SOFT))


def test_void_pixels_have_no_weight(tmp_path: Path) -> None:
    mask = HARD.copy()
    mask[:4] = 100
    masks = save(tmp_path / "masks", a=mask)
    (batch,) = ready(save(tmp_path / "maps", a=SOFT), masks, void=100).test_dataloader()
    (weight,) = batch.truth_weight
    assert weight is not None
    assert weight[:4].eq(0).all()
    assert weight[4:].eq(255).all()


def test_photos_come_as_thumbnails_and_black_where_one_is_missing(tmp_path: Path) -> None:
    masks = save(tmp_path / "masks", a=HARD, b=HARD)
    maps = save(tmp_path / "maps", a=SOFT, b=SOFT)
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (3264, 2448), (200, 100, 50)).save(photos / "a.jpg")
    data = ready(maps, masks, images=photos)
    (batch,) = data.test_dataloader()
    assert batch.image.shape == (2, 3, 256, 256)
    colour = batch.image[0].float().mean((1, 2))
    torch.testing.assert_close(colour, torch.tensor([200.0, 100.0, 50.0]), atol=2, rtol=0)
    assert not batch.image[1].any()
    assert [(p.kind, p.id) for p in data.problems] == [(ProblemKind.MISSING_PARTNER, "b")]


def test_broken_photo_is_reported_and_not_shown(tmp_path: Path) -> None:
    masks, maps = save(tmp_path / "masks", a=HARD), save(tmp_path / "maps", a=SOFT)
    photos = save(tmp_path / "photos", a=SOFT)
    (photos / "a.png").write_bytes(b"no photo")
    data = ready(maps, masks, images=photos)
    (batch,) = data.test_dataloader()
    assert not batch.image.any()
    assert [(p.kind, p.path) for p in data.problems] == [(ProblemKind.UNREADABLE, photos / "a.png")]


def broken_set(tmp_path: Path) -> tuple[Path, Path]:
    """Four masks; one prediction is good, one missing, one cut short, one no image."""
    masks = save(tmp_path / "masks", a=HARD, b=HARD, c=HARD, d=HARD)
    maps = save(tmp_path / "maps", a=SOFT, c=SOFT, d=SOFT, needless=SOFT)
    (maps / "c.png").write_bytes((maps / "c.png").read_bytes()[:200])
    (maps / "d.png").write_bytes(b"hello")
    return maps, masks


def test_missing_and_unreadable_predictions_are_one_error_that_names_all(tmp_path: Path) -> None:
    maps, masks = broken_set(tmp_path)
    with pytest.raises(DatasetError, match="3 of 4 predictions are missing or unreadable") as error:
        ready(maps, masks)
    lines = str(error.value).splitlines()
    assert [line.strip().partition(":")[0] for line in lines[1:]] == [
        *(f"{maps}/b.*", f"{maps}/c.png", f"{maps}/d.png")
    ]


def test_skip_scores_the_others_and_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maps, masks = broken_set(tmp_path)
    data = ready(maps, masks, missing="skip")
    assert ids(data.test_dataloader()) == ["a"]
    assert [p.id for p in data.left_out] == ["b", "c", "d"]
    kinds = [p.kind for p in data.problems]
    assert kinds == [ProblemKind.MISSING_PARTNER, ProblemKind.UNREADABLE, ProblemKind.UNREADABLE]
    said = capsys.readouterr().out
    assert "1 predictions missing, 2 unreadable: left out" in said
    assert "the scores are of 1 of 4 images" in said
    assert "1 predictions have no mask" in said


def test_nothing_that_can_be_read_is_an_error(tmp_path: Path) -> None:
    maps, masks = broken_set(tmp_path)
    (maps / "a.png").write_bytes(b"hello")
    with pytest.raises(DatasetError, match=r"no prediction in .* can be read"):
        ready(maps, masks, missing="skip")


@pytest.mark.parametrize("missing", ["error", "skip"])
def test_unreadable_mask_is_always_an_error(tmp_path: Path, missing: str) -> None:
    masks = save(tmp_path / "masks", a=HARD, b=HARD)
    (masks / "b.png").write_bytes(b"hello")
    with pytest.raises(DatasetError, match=r"masks cannot be read:\n.*b\.png"):
        ready(save(tmp_path / "maps", a=SOFT, b=SOFT), masks, missing=missing)


def test_a_long_list_is_cut_and_lies_in_a_file(tmp_path: Path) -> None:
    masks = save(tmp_path / "masks", **{f"m{number:03d}": HARD[:2, :2] for number in range(60)})
    data = PredictionFolder(save(tmp_path / "maps", m000=SOFT[:2, :2]), masks)
    data.trainer = Place(0, 1, str(tmp_path / "run"))  # type: ignore[assignment]
    with pytest.raises(DatasetError, match="and 9 more; all of them: ") as error:
        data.setup("test")
    assert len(str(error.value).splitlines()) == 52
    listed = (tmp_path / "run" / "problems.txt").read_text()
    assert all(f"m{number:03d}" in listed for number in range(1, 60))


def test_other_sizes_are_counted_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = save(tmp_path / "masks", a=HARD, b=HARD)
    data = ready(save(tmp_path / "maps", a=SOFT, b=SOFT[:7, :9]), masks)
    (problem,) = data.problems
    assert (problem.kind, problem.id) == (ProblemKind.SIZE_MISMATCH, "b")
    assert "7x9, the truth is 31x23" in problem.message
    assert "1 predictions have another size" in capsys.readouterr().out


def test_batches_come_in_order_and_are_counted(tmp_path: Path) -> None:
    planes = dict.fromkeys("gbaecdf", HARD[:3, :3])
    data = ready(save(tmp_path / "maps", **planes), save(tmp_path / "masks", **planes))
    data.batch_size = 3
    loader = data.test_dataloader()
    assert [batch.id for batch in loader] == [["a", "b", "c"], ["d", "e", "f"], ["g"]]
    assert len(loader) == 3
    assert ids(loader) == list("abcdefg")  # a second walk is the same


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_the_images_without_repeats(tmp_path: Path, world_size: int) -> None:
    planes = dict.fromkeys("abcde", HARD[:3, :3])
    data = ready(save(tmp_path / "maps", **planes), save(tmp_path / "masks", **planes))
    found = []
    for rank in range(world_size):
        data.trainer = Place(rank, world_size)  # type: ignore[assignment]
        found += ids(data.test_dataloader())
    assert sorted(found) == list("abcde")


def test_more_processes_than_images_are_refused(tmp_path: Path) -> None:
    data = ready(save(tmp_path / "maps", a=SOFT), save(tmp_path / "masks", a=HARD))
    data.trainer = Place(0, 2)  # type: ignore[assignment]
    with pytest.raises(DatasetError, match="1 images cannot be scored by 2 processes"):
        data.test_dataloader()


def test_every_process_is_told_of_an_error_of_the_system(tmp_path: Path) -> None:
    """Else the others would wait for the first one's word for ever."""
    data = PredictionFolder("x" * 300, save(tmp_path / "masks", a=HARD))  # no name is so long
    place = Place(0, 2)
    data.trainer = place  # type: ignore[assignment]
    with pytest.raises(OSError, match="too long"):
        data.setup("test")
    assert isinstance(place.strategy.told[0], OSError)


@pytest.mark.parametrize("world_size", [1, 2])
def test_batches_of_many_cores_are_no_larger_than_memory_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world_size: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(12)))
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    planes = dict.fromkeys("ab", HARD[:3, :3])
    data = ready(save(tmp_path / "maps", **planes), save(tmp_path / "masks", **planes))
    data.trainer = Place(0, world_size)  # type: ignore[assignment]
    loader = data.test_dataloader()
    assert (loader.batch_size, loader.num_threads) == {1: (16, 12), 2: (12, 6)}[world_size]


@pytest.mark.parametrize(
    ("key", "value"),
    [("batch_size", 0), ("num_threads", 0), ("num_threads", -1), ("void", -1), ("void", 300)],
)
def test_options_that_mean_nothing_are_refused(key: str, value: int) -> None:
    with pytest.raises(ValueError, match=rf"data\.{key} {value}\b.*: give "):
        PredictionFolder("maps", "masks", **{key: value})  # type: ignore[arg-type]
