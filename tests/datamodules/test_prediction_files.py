from pathlib import Path

import pytest

from datamodules.prediction_files import ScoredFiles, find_predictions
from datamodules.problems import DatasetError, ProblemKind


def touch(root: Path, *names: str) -> Path:
    """Make empty files: nothing is opened here."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def by_id(files: list[ScoredFiles]) -> dict[str, tuple[str, str]]:
    return {f.id: (f.prediction.name, f.mask.name) for f in files}


def test_files_match_by_path_whatever_the_suffix(tmp_path: Path) -> None:
    masks = touch(tmp_path / "masks", "a.png", "sub/a.PNG", "sub/deep/b.v1.tif")
    predictions = touch(tmp_path / "maps", "a.jpg", "sub/a.png", "sub/deep/b.v1.webp")
    found = find_predictions(predictions, masks)
    assert by_id(found.files) == {
        "a": ("a.jpg", "a.png"),
        "sub/a": ("a.png", "a.PNG"),
        "sub/deep/b.v1": ("b.v1.webp", "b.v1.tif"),
    }
    assert found.missing == []
    assert all(f.image is None for f in found.files)


def test_hidden_files_and_other_files_are_passed_over(tmp_path: Path) -> None:
    masks = touch(tmp_path / "masks", "a.png", "._a.png", ".cache/b.png", "notes.txt")
    predictions = touch(tmp_path / "maps", "a.png", "Thumbs.db")
    assert list(by_id(find_predictions(predictions, masks).files)) == ["a"]


def test_dis5k_root_gives_subsets_classes_and_photos(tmp_path: Path) -> None:
    name = "5#Electronics#4#Fan#302_d3bae95d"
    masks = touch(
        tmp_path / "DIS5K",
        *(f"DIS-VD/gt/{name}.png", f"DIS-VD/im/{name}.jpg", "DIS-TE1/gt/x.png", "DIS-TE1/im/x.jpg"),
    )
    predictions = touch(tmp_path / "maps", f"DIS-VD/{name}.png", "DIS-TE1/x.png")
    x, fan = find_predictions(predictions, masks).files
    assert (x.id, fan.id) == ("DIS-TE1/x", f"DIS-VD/{name}")
    assert (x.class_names, fan.class_names) == (("object",), ("Fan",))
    assert fan.image == masks / "DIS-VD" / "im" / f"{name}.jpg"


def test_one_folder_with_im_and_gt_has_no_subset(tmp_path: Path) -> None:
    masks = touch(tmp_path / "set", "gt/a.png", "im/a.jpg")
    (files,) = find_predictions(touch(tmp_path / "maps", "a.png"), masks).files
    assert files.id == "a"
    assert files.image == masks / "im" / "a.jpg"


def test_predictions_may_lie_in_the_root_of_the_set(tmp_path: Path) -> None:
    root = touch(tmp_path / "set", "gt/a.png", "im/a.jpg", "maps/a.png")
    (files,) = find_predictions(root / "maps", root).files
    assert files.prediction == root / "maps" / "a.png"


def test_photos_of_another_folder_are_found(tmp_path: Path) -> None:
    masks = touch(tmp_path / "masks", "s/a.png", "s/b.png")
    predictions = touch(tmp_path / "maps", "s/a.png", "s/b.png")
    photos = touch(tmp_path / "photos", "s/a.jpg")
    found = find_predictions(predictions, masks, images=photos)
    assert [f.image for f in found.files] == [photos / "s" / "a.jpg", None]
    assert [p.id for p in found.without_photo] == ["s/b"]


def test_missing_predictions_are_all_named_and_the_needless_counted(tmp_path: Path) -> None:
    masks = touch(tmp_path / "masks", "a.png", "b.png", "s/c.png")
    predictions = touch(tmp_path / "maps", "a.png", "x.png", "y.png")
    found = find_predictions(predictions, masks)
    assert [(p.kind, p.path) for p in found.missing] == [
        (ProblemKind.MISSING_PARTNER, predictions / "b.*"),
        (ProblemKind.MISSING_PARTNER, predictions / "s" / "c.*"),
    ]
    assert found.num_unmatched == 2


@pytest.mark.parametrize("double", ["masks", "maps"])
def test_two_files_of_one_id_are_an_error_that_names_both(tmp_path: Path, double: str) -> None:
    touch(tmp_path, "masks/a.png", "maps/a.png", f"{double}/a.jpg")
    with pytest.raises(DatasetError, match=r"maps/a\.png|masks/a\.png") as error:
        find_predictions(tmp_path / "maps", tmp_path / "masks")
    assert "the same name as a.jpg" in str(error.value)


def test_needless_predictions_may_share_a_name(tmp_path: Path) -> None:
    touch(tmp_path, "masks/a.png", "maps/a.png", "maps/b.png", "maps/b.jpg")
    assert len(find_predictions(tmp_path / "maps", tmp_path / "masks").files) == 1


def test_the_folder_one_level_down_is_recommended(tmp_path: Path) -> None:
    """The prediction writer puts its masks into such a folder."""
    touch(tmp_path, "truth/a.png", "maps/cutouts/b.png", "maps/masks/a.png")
    with pytest.raises(DatasetError, match=r"give --data\.predictions .*maps/masks$"):
        find_predictions(tmp_path / "maps", tmp_path / "truth")


def test_masks_below_the_predictions_are_no_predictions(tmp_path: Path) -> None:
    touch(tmp_path, "all/gt/a.png", "all/maps/a.png")
    with pytest.raises(DatasetError, match=r"give --data\.predictions .*all/maps$"):
        find_predictions(tmp_path / "all", tmp_path / "all" / "gt")


def test_names_without_anything_in_common_are_shown(tmp_path: Path) -> None:
    touch(tmp_path, "masks/a.png", "maps/b.png")
    with pytest.raises(DatasetError, match="the first mask is 'a', the first prediction 'b'"):
        find_predictions(tmp_path / "maps", tmp_path / "masks")


def test_same_folder_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "masks/a.png")
    with pytest.raises(DatasetError, match="the same folder"):
        find_predictions(tmp_path / "masks", tmp_path / "masks" / ".." / "masks")


def test_predictions_among_the_masks_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "masks/a.png", "masks/maps/a.png")
    with pytest.raises(DatasetError, match="move them apart"):
        find_predictions(tmp_path / "masks" / "maps", tmp_path / "masks")


@pytest.mark.parametrize("empty", ["masks", "maps"])
def test_folder_without_images_is_named(tmp_path: Path, empty: str) -> None:
    touch(tmp_path, "masks/a.png", "maps/a.png")
    (tmp_path / empty / "a.png").rename(tmp_path / empty / "a.txt")
    with pytest.raises(DatasetError, match=f"no images in .*{empty}"):
        find_predictions(tmp_path / "maps", tmp_path / "masks")


@pytest.mark.parametrize("absent", ["predictions", "masks", "images"])
def test_absent_folder_is_named_with_its_flag(tmp_path: Path, absent: str) -> None:
    folders = {name: touch(tmp_path / name, "a.png") for name in ("predictions", "masks", "images")}
    folders[absent] = tmp_path / "nowhere"
    with pytest.raises(DatasetError, match=rf"nowhere is no folder: give it by --data\.{absent}"):
        find_predictions(folders["predictions"], folders["masks"], images=folders["images"])
