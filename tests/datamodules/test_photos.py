from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.batch import Batch
from datamodules.photos import PhotoFolder
from datamodules.problems import DatasetError, ProblemKind


@dataclass
class Place:
    """What a DataModule reads of a trainer."""

    global_rank: int
    world_size: int


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four photos of different sizes and kinds, two of them in a subfolder."""
    root = tmp_path / "photos"
    (root / "sub").mkdir(parents=True)
    rng = np.random.default_rng(0)
    colours = Image.fromarray(rng.integers(0, 256, (30, 50, 3), np.uint8))
    colours.save(root / "a.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    colours.save(root / "sub" / "turned.jpg", exif=exif)
    Image.fromarray(rng.integers(0, 256, (7, 90), np.uint8)).save(root / "sub" / "grey.png")
    Image.fromarray(rng.integers(0, 256, (64, 3, 4), np.uint8)).save(root / "z.png")
    return root


def ready(root: Path, **arguments: object) -> PhotoFolder:
    defaults = {"size": 32, "num_workers": 0}
    data = PhotoFolder(root, **{**defaults, **arguments})  # type: ignore[arg-type]
    data.prepare_data()
    data.setup("predict")
    return data


def ids(batches: Iterable[Batch]) -> list[str]:
    return [id for batch in batches for id in batch.id]


def test_photos_of_any_size_share_a_batch_and_keep_their_upright_size(photos: Path) -> None:
    (batch,) = ready(photos, batch_size=4).predict_dataloader()
    assert batch.id == ["a", "sub/grey", "sub/turned", "z"]
    assert batch.size == [(30, 50), (7, 90), (50, 30), (64, 3)]
    assert batch.image.shape == (4, 3, 32, 32)


def test_nothing_is_claimed_of_the_masks(photos: Path) -> None:
    (batch,) = ready(photos, batch_size=4).predict_dataloader()
    assert not batch.weight.any()
    assert batch.truth == [None] * 4


def test_photos_whose_results_stand_are_left_out(photos: Path) -> None:
    data = ready(photos)
    data.skip({"a", "sub/turned"})
    assert ids(data.predict_dataloader()) == ["sub/grey", "z"]
    assert data.photos.keys() == {"a", "sub/grey", "sub/turned", "z"}


@pytest.mark.parametrize("world_size", [2, 3, 6])
def test_processes_share_the_photos_even_where_they_are_more(photos: Path, world_size: int) -> None:
    shares = []
    for rank in range(world_size):
        data = ready(photos)
        data.trainer = Place(rank, world_size)  # type: ignore[assignment]
        shares.append(ids(data.predict_dataloader()))
    assert sorted(id for share in shares for id in share) == ["a", "sub/grey", "sub/turned", "z"]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_broken_photo_is_passed_over_and_listed(photos: Path) -> None:
    (photos / "a.jpg").write_bytes(b"no photo")
    data = ready(photos)
    assert ids(data.predict_dataloader()) == ["sub/grey", "sub/turned", "z"]
    (problem,) = data.problems
    assert (problem.kind, problem.id) == (ProblemKind.UNREADABLE, "a")
    assert problem.path == photos / "a.jpg"


def test_broken_photo_ends_the_run_where_it_shall(photos: Path) -> None:
    (photos / "a.jpg").write_bytes(b"no photo")
    data = ready(photos, on_error="raise")
    with pytest.raises(DatasetError, match=r"a\.jpg"):
        data.predict_dataloader()


def test_done_photo_is_not_opened_again(photos: Path) -> None:
    (photos / "a.jpg").write_bytes(b"no photo")
    data = ready(photos, on_error="raise")
    data.skip({"a"})
    assert ids(data.predict_dataloader()) == ["sub/grey", "sub/turned", "z"]
    assert data.problems == []


def test_each_process_checks_its_own_share_alone(photos: Path) -> None:
    for name in ("a.jpg", "z.png"):  # the first and the last of four
        (photos / name).write_bytes(b"no photo")
    found = []
    for rank in range(2):
        data = ready(photos)
        data.trainer = Place(rank, 2)  # type: ignore[assignment]
        assert len(ids(data.predict_dataloader())) == 1
        found.append([problem.id for problem in data.problems])
    assert found == [["a"], ["z"]]


def test_folder_of_nothing_readable_is_one_error(photos: Path) -> None:
    for path in photos.rglob("*.*"):
        path.write_bytes(b"no photo")
    data = ready(photos)
    with pytest.raises(DatasetError, match="none of the 4 photos"):
        data.predict_dataloader()
    data.skip({"a"})  # something was done before
    assert ids(data.predict_dataloader()) == []
    data = ready(photos)
    data.trainer = Place(1, 2)  # type: ignore[assignment]
    assert ids(data.predict_dataloader()) == []


def test_unsupported_photo_is_listed_by_the_first_process_alone(photos: Path) -> None:
    (photos / "b.heic").write_bytes(b"any")
    listed = []
    for rank in range(2):
        data = PhotoFolder(photos, size=32, num_workers=0)
        data.trainer = Place(rank, 2)  # type: ignore[assignment]
        data.setup("predict")
        listed.append([problem.id for problem in data.problems])
    assert listed == [["b"], []]
    with pytest.raises(DatasetError, match=r"b\.heic: the format \.heic is not supported"):
        ready(photos, on_error="raise")


def test_no_known_size_is_an_error_with_the_cure(photos: Path) -> None:
    with pytest.raises(DatasetError, match=r"give data\.size: "):
        ready(photos, size=None)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no folder .*nowhere"):
        ready(tmp_path / "nowhere")


def test_folder_without_photos_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DatasetError, match=f"no images in {tmp_path}"):
        ready(tmp_path)
