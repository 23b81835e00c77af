from pathlib import Path

import pytest

from datamodules.folder import find_photos
from datamodules.prediction_files import find_predictions
from datamodules.walk import files_below


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def names(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in files_below(root)]


def test_files_of_all_depths_come_sorted_and_hidden_ones_not(tmp_path: Path) -> None:
    touch(tmp_path, "b.png", "a/deep/x.png", ".hidden.png", ".cache/y.png", "a/._x.png")
    (tmp_path / "empty").mkdir()
    assert names(tmp_path) == ["a/deep/x.png", "b.png"]


def test_links_to_folders_are_followed(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere", "x.png", "deep/y.png")
    (tmp_path / "root").mkdir()
    for name in ("one", "two"):
        (tmp_path / "root" / name).symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path / "root") == [
        "one/deep/y.png",
        "one/x.png",
        "two/deep/y.png",
        "two/x.png",
    ]


@pytest.mark.parametrize("target", [".", "..", "../.."])
def test_a_link_to_a_folder_around_it_ends(tmp_path: Path, target: str) -> None:
    touch(tmp_path, "a/b/x.png")
    (tmp_path / "a" / "b" / "back").symlink_to(target)
    assert "a/b/x.png" in names(tmp_path)
    assert names(tmp_path / "a" / "b")[-1:] == ["x.png"]


def test_folders_that_link_to_each_other_end(tmp_path: Path) -> None:
    touch(tmp_path, "a/x.png", "b/y.png")
    (tmp_path / "a" / "to_b").symlink_to("../b")
    (tmp_path / "b" / "to_a").symlink_to("../a")
    assert names(tmp_path) == ["a/to_b/y.png", "a/x.png", "b/to_a/x.png", "b/y.png"]


def test_a_link_to_nothing_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "x.png").symlink_to("gone.png")
    assert names(tmp_path) == ["x.png"]


def test_linked_subsets_of_masks_images_and_predictions_are_scored(tmp_path: Path) -> None:
    roots = []
    for kind in ("masks", "photos", "maps"):
        touch(tmp_path / "disk" / kind, "a.png")
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "TE1").symlink_to(tmp_path / "disk" / kind)
        roots.append(tmp_path / kind)
    masks, photos, maps = roots
    (files,) = find_predictions(maps, masks, images=photos).files
    assert (files.id, files.mask) == ("TE1/a", masks / "TE1" / "a.png")
    assert (files.prediction, files.image) == (maps / "TE1" / "a.png", photos / "TE1" / "a.png")


def test_linked_subsets_of_a_dis5k_root_are_scored(tmp_path: Path) -> None:
    touch(tmp_path / "disk", "gt/a.png", "im/a.jpg")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "DIS-VD").symlink_to(tmp_path / "disk")
    (files,) = find_predictions(touch(tmp_path / "maps", "DIS-VD/a.png"), tmp_path / "set").files
    assert files.id == "DIS-VD/a"
    assert files.image == tmp_path / "set" / "DIS-VD" / "im" / "a.jpg"


def test_masks_that_are_linked_below_the_predictions_are_no_predictions(tmp_path: Path) -> None:
    masks = touch(tmp_path / "masks", "a.png")
    maps = touch(tmp_path / "maps", "a.png")
    (maps / "truth").symlink_to(masks)
    found = find_predictions(maps, masks)
    assert ([f.id for f in found.files], found.num_unmatched) == (["a"], 0)


def test_linked_folders_of_photos_are_predicted(tmp_path: Path) -> None:
    touch(tmp_path / "disk", "a.jpg")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "album").symlink_to(tmp_path / "disk")
    photos, problems = find_photos(tmp_path / "photos")
    assert ([photo.id for photo in photos], problems) == (["album/a"], [])
