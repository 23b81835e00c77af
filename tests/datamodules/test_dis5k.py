from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from datamodules.batch import Batch
from datamodules.dis5k import Splits
from datamodules.problems import DatasetError, ProblemKind
from generation.procedural import ProceduralScenes
from tests.datamodules.dis5k_data import ids, ready, small

MakeSet = Callable[..., Path]


@dataclass
class Place:
    """What a DataModule reads of a trainer."""

    global_rank: int
    world_size: int
    predicting: bool = False
    is_global_zero: bool = True


def names(root: Path, subset: str) -> list[str]:
    return [f"{subset}/{path.stem}" for path in sorted((root / subset / "im").iterdir())]


def planes(batches: Iterable[Batch]) -> list[bytes]:
    return [
        bytes(plane.numpy().tobytes())
        for batch in batches
        for plane in (batch.image, batch.mask, batch.weight)
    ]


def test_official_layout_gives_each_split_its_own_pairs_in_order(tiny_set: Path) -> None:
    data = ready(tiny_set)
    assert ids(data.val_dataloader()) == names(tiny_set, "DIS-VD")
    assert ids(data.test_dataloader()) == names(tiny_set, "DIS-TE1")
    assert len(set(ids(data.train_dataloader()))) == 8  # two whole batches of nine pairs
    assert set(ids(data.train_dataloader())) <= set(names(tiny_set, "DIS-TR"))


def test_class_names_come_from_the_file_names(tiny_set: Path) -> None:
    data = ready(tiny_set)
    assert data.class_names == ("Ball", "Disc")
    batch = next(iter(data.val_dataloader()))
    assert batch.class_names == [(id.split("#")[3],) for id in batch.id]


def test_all_test_subsets_are_tested_in_one_walk(make_set: MakeSet, tmp_path: Path) -> None:
    root = make_set(tmp_path)
    (root / "DIS-VD").rename(root / "DIS-TE3")
    data = ready(root, splits=Splits(val="DIS-TE3"))
    expected = names(root, "DIS-TE1") + names(root, "DIS-TE3")
    assert ids(data.test_dataloader()) == expected


# what is missing


def test_missing_root_is_named_with_the_flag(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere does not exist.*--data\.root"):
        small(tmp_path / "nowhere").prepare_data()


def test_missing_subset_is_named_with_the_flag(make_set: MakeSet, tmp_path: Path) -> None:
    root = make_set(tmp_path)
    (root / "DIS-VD").rename(root / "DIS-validation")
    data = ready(root)
    with pytest.raises(DatasetError, match=r"has no DIS-VD, only DIS-TR, DIS-TE1.*--data\.splits"):
        data.val_dataloader()


# defects


@pytest.fixture
def defective(make_set: MakeSet, tmp_path: Path) -> tuple[Path, dict[str, ProblemKind]]:
    """A set with four defects in two splits, and the id and kind of each."""
    root = make_set(tmp_path / "defective")
    train, test = names(root, "DIS-TR"), names(root, "DIS-TE1")
    kinds = {
        train[0]: ProblemKind.MISSING_PARTNER,
        train[1]: ProblemKind.UNREADABLE,
        train[2]: ProblemKind.EMPTY_MASK,
        test[0]: ProblemKind.SIZE_MISMATCH,
    }
    paths = [root / id.replace("/", "/gt/") for id in kinds]
    paths[0].with_name(f"{paths[0].name}.png").unlink()
    photo = root / f"{train[1].replace('/', '/im/')}.jpg"
    photo.write_bytes(photo.read_bytes()[:200])
    for path, shape in ((paths[2], (40, 48)), (paths[3], (40, 47))):
        mask = np.full(shape, 0 if path == paths[2] else 255, np.uint8)
        assert cv2.imwrite(f"{path}.png", mask)
    return root, kinds


def test_raise_reports_every_defect_together(
    defective: tuple[Path, dict[str, ProblemKind]],
) -> None:
    root, kinds = defective
    with pytest.raises(DatasetError) as caught:
        small(root).prepare_data()
    message = str(caught.value)
    assert "4 defects (data.on_error skip leaves them out)" in message
    assert all(id.split("/")[1] in message for id in kinds)
    assert all(f"{kind}: 1" in message for kind in kinds.values())


def without_masks(root: Path) -> list[str]:
    """Take the mask of seven training photos and return their names."""
    masks = sorted((root / "DIS-TR" / "gt").iterdir())[:7]
    for mask in masks:
        mask.unlink()
    return [mask.stem for mask in masks]


def test_raise_names_the_file_with_the_complete_list(make_set: MakeSet, tmp_path: Path) -> None:
    root = make_set(tmp_path / "set")
    missing = without_masks(root)
    cache = tmp_path / "cache"
    with pytest.raises(DatasetError) as caught:
        small(root, cache=cache).prepare_data()
    assert f"all of them: {cache / 'problems.txt'}" in str(caught.value)
    assert "... and 2 more" in str(caught.value)
    full_list = (cache / "problems.txt").read_text()
    assert all(f"{stem}.jpg: " in full_list for stem in missing)
    assert "more" not in full_list


def test_raise_without_a_cache_says_all(make_set: MakeSet, tmp_path: Path) -> None:
    root = make_set(tmp_path)
    missing = without_masks(root)
    with pytest.raises(DatasetError) as caught:
        small(root).prepare_data()
    assert all(f"{stem}.jpg: " in str(caught.value) for stem in missing)


def test_skip_says_in_one_line_how_many_and_where_they_are_listed(
    make_set: MakeSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_set(tmp_path / "set")
    without_masks(root)
    cache = tmp_path / "cache"
    data = small(root, cache=cache, on_error="skip")
    data.trainer = Place(1, 2, is_global_zero=False)  # type: ignore[assignment]
    data.prepare_data()
    assert "defects" not in capsys.readouterr().out
    small(root, cache=cache, on_error="skip").prepare_data()
    line = f"{root}: 7 defects left out, see {cache / 'problems.txt'}\n"
    assert line in capsys.readouterr().out
    assert len((cache / "problems.txt").read_text().splitlines()) == 1 + 2 * 7


def test_list_of_defects_goes_with_the_defects(make_set: MakeSet, tmp_path: Path) -> None:
    root = make_set(tmp_path / "set")
    cache = tmp_path / "cache"
    missing = without_masks(root)
    small(root, cache=cache, on_error="skip").prepare_data()
    for stem in missing:
        (root / "DIS-TR" / "im" / f"{stem}.jpg").unlink()
    small(root, cache=cache).prepare_data()
    assert not (cache / "problems.txt").exists()


@pytest.mark.parametrize("cached", [False, True])
def test_skip_leaves_exactly_these_out_and_lists_them(
    cached: bool, defective: tuple[Path, dict[str, ProblemKind]], tmp_path: Path
) -> None:
    root, kinds = defective
    cache = tmp_path / "cache" if cached else None
    data = ready(root, batch_size=1, on_error="skip", cache=cache)
    assert {problem.id: problem.kind for problem in data.problems} == kinds
    assert set(ids(data.train_dataloader())) == set(names(root, "DIS-TR")) - kinds.keys()
    assert ids(data.test_dataloader()) == names(root, "DIS-TE1")[1:]


def test_split_that_loses_all_its_pairs_is_an_error(make_set: MakeSet, tmp_path: Path) -> None:
    root = make_set(tmp_path, val=1)
    (mask,) = (root / "DIS-VD" / "gt").iterdir()
    assert cv2.imwrite(str(mask), np.zeros((40, 48), np.uint8))
    with pytest.raises(DatasetError, match="no good pair is left in DIS-VD"):
        ready(root, on_error="skip")


# weight plane and truth


def test_weight_folder_and_void_value_become_the_weight_plane(
    make_set: MakeSet, tmp_path: Path
) -> None:
    root = make_set(tmp_path)
    for subset in ("DIS-TR", "DIS-VD", "DIS-TE1"):
        (root / subset / "doubt").mkdir()
        for mask in (root / subset / "gt").iterdir():
            weight = np.full((40, 48), 255, np.uint8)
            weight[:, :24] = 100
            assert cv2.imwrite(str(root / subset / "doubt" / mask.name), weight)
            pixels = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)
            assert pixels is not None
            pixels[pixels == 77] = 78
            pixels[:4] = 77
            assert cv2.imwrite(str(mask), pixels)
    data = ready(root, size=(40, 48), splits=Splits(test=("DIS-TE1",), weights="doubt"), void=77)
    expected = torch.full((40, 48), 255, dtype=torch.uint8)
    expected[:, :24] = 100
    expected[:4] = 0
    for batch in data.train_dataloader():
        assert torch.equal(batch.weight, expected.expand(4, 40, 48))
        assert not batch.mask[:, :4].any()
    for batch in data.val_dataloader():
        assert all(torch.equal(weight, expected) for weight in batch.truth_weight)
        assert not any(truth[:4].any() for truth in batch.truth)


def test_truth_is_the_soft_mask_at_its_original_size(tiny_set: Path) -> None:
    batch = next(iter(ready(tiny_set).val_dataloader()))
    for id, truth, size in zip(batch.id, batch.truth, batch.size, strict=True):
        path = tiny_set / f"{id.replace('/', '/gt/')}.png"
        pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert size == (40, 48)
        assert np.array_equal(truth, pixels)
        assert ((truth > 0) & (truth < 255)).any()


def test_weights_are_whole_where_nothing_says_otherwise(tiny_set: Path) -> None:
    batch = next(iter(ready(tiny_set).val_dataloader()))
    assert batch.truth_weight == [None] * 3
    assert bool((batch.weight == 255).all())


# workers and processes


@pytest.mark.slow
@pytest.mark.parametrize("num_workers", [1, 2])
def test_workers_change_no_byte(num_workers: int, tiny_set: Path, tmp_path: Path) -> None:
    def batches(workers: int) -> list[bytes]:
        data = ready(tiny_set, num_workers=workers, cache=tmp_path / "cache")
        return planes(data.train_dataloader()) + planes(data.test_dataloader())

    assert batches(num_workers) == batches(0)


def test_two_processes_share_what_one_would_see(tiny_set: Path) -> None:
    def walk(rank: int, world_size: int) -> tuple[list[list[str]], list[str]]:
        data = ready(tiny_set)
        data.trainer = Place(rank, world_size)  # type: ignore[assignment]
        steps = [batch.id for batch in data.train_dataloader()]
        return steps, ids(data.test_dataloader())

    steps, tested = walk(0, 1)
    (steps_0, tested_0), (steps_1, tested_1) = walk(0, 2), walk(1, 2)
    assert [a + b for a, b in zip(steps_0, steps_1, strict=True)] == steps
    assert sorted(tested_0 + tested_1) == tested  # each once, five photos over two processes


# source and mean


def test_source_writes_the_set_before_it_is_read(tmp_path: Path) -> None:
    counts = {"DIS-TR": 4, "DIS-VD": 1, "DIS-TE1": 2}
    source = ProceduralScenes(size=32, classes=["ladder"], counts=counts)
    data = ready(tmp_path / "made", source=source)
    assert len(ids(data.train_dataloader())) == 4
    assert len(ids(data.test_dataloader())) == 2
    assert data.class_names == ("Ladder",)


def test_mean_mask_is_the_mean_of_the_training_masks(make_set: MakeSet, tmp_path: Path) -> None:
    root = make_set(tmp_path)
    for number, mask in enumerate(sorted((root / "DIS-TR" / "gt").iterdir())):
        pixels = np.zeros((40, 48), np.uint8)
        pixels[:20] = 255
        pixels[20:] = 255 * (number % 3 == 0)  # three of nine
        assert cv2.imwrite(str(mask), pixels)
    mean = ready(root).mean_mask()
    assert mean is not None
    assert mean.shape == (256, 256)
    torch.testing.assert_close(mean[:120].mean(), torch.tensor(1.0))
    torch.testing.assert_close(mean[136:].mean(), torch.tensor(1 / 3))


def test_void_is_no_object_in_the_mean_mask(make_set: MakeSet, tmp_path: Path) -> None:
    root = make_set(tmp_path)
    for mask in (root / "DIS-TR" / "gt").iterdir():
        pixels = np.zeros((40, 48), np.uint8)
        pixels[:20], pixels[20:] = 1, 255
        assert cv2.imwrite(str(mask), pixels)
    mean = ready(root, void=255, on_error="skip").mean_mask()
    assert mean is not None
    assert bool((mean[:120] == 1).all())
    assert not mean[136:].any()
