from pathlib import Path

import pytest

from datamodules.folder import class_name_of, find_pairs, find_photos
from datamodules.problems import DatasetError, ProblemKind


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_official_layout_gives_ids_and_class_names(tmp_path: Path) -> None:
    stem = "5#Electronics#4#Fan#302_d3b"
    touch(tmp_path, f"DIS-TR/im/{stem}.jpg", f"DIS-TR/gt/{stem}.png")
    (pair,), problems = find_pairs(tmp_path, "DIS-TR")
    assert problems == []
    assert pair.id == f"DIS-TR/{stem}"
    assert pair.class_names == ("Fan",)
    assert pair.image.name == f"{stem}.jpg"
    assert pair.mask.name == f"{stem}.png"
    assert pair.weight is None


@pytest.mark.parametrize("subset", ["", "."])
def test_any_folder_with_im_and_gt_is_a_set(tmp_path: Path, subset: str) -> None:
    touch(
        tmp_path, "im/b.PNG", "gt/b.TIF", "im/a.JPeG", "gt/a.bmp", "im/.hidden.png", "im/notes.txt"
    )
    pairs, problems = find_pairs(tmp_path, subset)
    assert [pair.id for pair in pairs] == ["a", "b"]
    assert {pair.class_names for pair in pairs} == {("object",)}
    assert problems == []


def test_pairs_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    names = [f"{number}" for number in (3, 10, 1, 2)]
    touch(tmp_path, *(f"im/{n}.jpg" for n in names), *(f"gt/{n}.png" for n in names))
    assert [pair.id for pair in find_pairs(tmp_path, "")[0]] == ["1", "10", "2", "3"]


def test_missing_partners_are_reported_on_both_sides(tmp_path: Path) -> None:
    touch(tmp_path, "im/a.jpg", "gt/a.png", "im/photo.jpg", "gt/mask.png")
    pairs, problems = find_pairs(tmp_path, "")
    assert [pair.id for pair in pairs] == ["a"]
    assert [(p.kind, p.id, p.path.name) for p in problems] == [
        (ProblemKind.MISSING_PARTNER, "mask", "mask.png"),
        (ProblemKind.MISSING_PARTNER, "photo", "photo.jpg"),
    ]


def test_name_used_twice_is_reported_and_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "im/a.jpg", "im/a.png", "gt/a.png")
    pairs, (problem,) = find_pairs(tmp_path, "")
    assert pairs == []
    assert problem.kind is ProblemKind.DUPLICATE_ID


def test_weights_are_found_and_required_once_named(tmp_path: Path) -> None:
    touch(tmp_path, "im/a.jpg", "gt/a.png", "trust/a.png", "im/b.jpg", "gt/b.png")
    (pair,), (problem,) = find_pairs(tmp_path, "", weights="trust")
    assert pair.weight == tmp_path / "trust" / "a.png"
    assert problem.id == "b"
    assert "trust" in problem.message


@pytest.mark.parametrize("subset", ["DIS-TR", "DIS-VD"])
def test_missing_or_empty_folder_is_one_clear_error(tmp_path: Path, subset: str) -> None:
    (tmp_path / "DIS-VD" / "im").mkdir(parents=True)
    with pytest.raises(DatasetError, match=f"{subset}/im"):
        find_pairs(tmp_path, subset)


@pytest.mark.parametrize("stem", ["a", "a#b#c#d", "#####", "", "1#2#3##5"])
def test_other_names_are_objects(stem: str) -> None:
    assert class_name_of(stem) == "object"


def test_photos_are_found_in_subfolders_by_relative_path(tmp_path: Path) -> None:
    touch(tmp_path, "b/c.JPG", "a.png", "a.b.webp", ".git/x.png", "readme.md")
    assert [photo.id for photo in find_photos(tmp_path)[0]] == ["a", "a.b", "b/c"]


def test_photos_that_differ_in_suffix_alone_keep_it(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "a.png", "b.png", "a.jpg.png")
    photos = {photo.id: photo.image.name for photo in find_photos(tmp_path)[0]}
    assert photos == {"a.jpg": "a.jpg", "a.png": "a.png", "b": "b.png", "a.jpg.png": "a.jpg.png"}


@pytest.mark.parametrize("name", ["im/b.HEIC", "im/b.dng", "gt/b.avif"])
def test_unsupported_file_of_a_pair_is_named_once_with_the_cure(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "im/a.jpg", "gt/a.png", name, "gt/b.png" if "im" in name else "im/b.jpg")
    pairs, (problem,) = find_pairs(tmp_path, "")
    assert [pair.id for pair in pairs] == ["a"]
    assert (problem.kind, problem.id) == (ProblemKind.UNREADABLE, "b")
    assert problem.path == tmp_path / name
    assert problem.cure == "convert it to JPEG or PNG"


def test_raw_file_beside_its_jpeg_is_no_problem(tmp_path: Path) -> None:
    touch(tmp_path, "im/a.jpg", "im/a.NEF", "gt/a.png")
    ((pair,), problems) = find_pairs(tmp_path, "")
    assert pair.image.name == "a.jpg"
    assert problems == []
    assert find_photos(tmp_path / "im")[1] == []


def test_unsupported_photos_are_named_with_the_cure(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "sub/b.heic", "c.jxl", ".trash/d.heic", "notes.txt")
    photos, problems = find_photos(tmp_path)
    assert [photo.id for photo in photos] == ["a"]
    assert [(p.id, p.path.name) for p in problems] == [("c", "c.jxl"), ("sub/b", "b.heic")]
    assert {problem.cure for problem in problems} == {"convert it to JPEG or PNG"}


def test_folder_of_unsupported_photos_alone_is_one_clear_error(tmp_path: Path) -> None:
    touch(tmp_path, "im/a.heic", "im/b.heic", "gt/a.png")
    with pytest.raises(DatasetError, match=r"2 of unsupported formats, a\.heic.*convert"):
        find_pairs(tmp_path, "")
    with pytest.raises(DatasetError, match=r"2 of unsupported formats, a\.heic.*convert"):
        find_photos(tmp_path / "im")


def test_folder_without_photos_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no images"):
        find_photos(tmp_path)
    with pytest.raises(DatasetError, match="no folder"):
        find_photos(tmp_path / "none")
