from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data as photos

from datamodules.check import check_pairs
from datamodules.folder import PairFiles
from datamodules.problems import Problem, ProblemKind, format_problems
from datamodules.same_photo import find_same_photos, thumbnail

MASK = np.pad(np.full((16, 16), 255, np.uint8), 8)


def photo(seed: int) -> NDArray[np.uint8]:
    """32x32, smooth, another one for each seed."""
    small = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (32, 32), interpolation=cv2.INTER_CUBIC)).view(np.uint8)


def pair(folder: Path, id: str, image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> PairFiles:
    files = PairFiles(
        id=id,
        image=folder / f"{id}.png",
        mask=folder / f"{id}-mask.png",
        weight=None,
        class_names=("object",),
    )
    Image.fromarray(image).save(files.image)
    Image.fromarray(mask).save(files.mask)
    return files


def kinds(problems: Sequence[Problem]) -> list[tuple[str, str]]:
    return [(problem.kind.value, problem.id) for problem in problems]


def faulty_splits(folder: Path) -> Mapping[str, list[PairFiles]]:
    truncated = pair(folder, "cut", photo(1), MASK)
    truncated.mask.write_bytes(truncated.mask.read_bytes()[:60])
    return {
        "train": [
            pair(folder, "good", photo(0), MASK),
            truncated,
            pair(folder, "small", photo(2), MASK[:, :-1]),
            pair(folder, "empty", photo(3), MASK // 4),
        ],
        "test": [
            pair(
                folder,
                "copy",
                np.asarray(Image.fromarray(photo(0)).resize((64, 64))),
                np.tile(MASK, (2, 2)),
            ),
        ],
    }


def test_everything_wrong_is_reported_together(tmp_path: Path) -> None:
    splits = faulty_splits(tmp_path)
    splits["test"].append(splits["train"][2])
    assert kinds(check_pairs(splits)) == [
        ("unreadable file", "cut"),
        ("size mismatch", "small"),
        ("empty mask", "empty"),
        ("same photo in two splits", "copy"),
        ("same photo in two splits", "small"),
    ]


def test_sound_set_has_no_problems(tmp_path: Path) -> None:
    pairs = [pair(tmp_path, str(seed), photo(seed), MASK) for seed in range(6)]
    assert check_pairs({"train": pairs[:3], "validation": pairs[3:]}) == []


def test_same_id_of_two_files_is_reported(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    first, second = pair(tmp_path, "a", photo(0), MASK), pair(tmp_path / "b", "a", photo(1), MASK)
    (problem,) = check_pairs({"train": [first, second]})
    assert problem.kind is ProblemKind.DUPLICATE_ID
    assert problem.path == second.image
    assert str(first.image) in problem.message


def test_unreadable_photo_hides_nothing_about_its_mask(tmp_path: Path) -> None:
    files = pair(tmp_path, "a", photo(0), MASK * 0)
    files.image.write_bytes(b"no image")
    assert kinds(check_pairs({"train": [files]})) == [("unreadable file", "a"), ("empty mask", "a")]


def test_split_of_unreadable_photos_alone_is_reported(tmp_path: Path) -> None:
    sound, broken = pair(tmp_path, "a", photo(0), MASK), pair(tmp_path, "b", photo(1), MASK)
    broken.image.write_bytes(b"no image")
    expected = [("unreadable file", "b")]
    assert kinds(check_pairs({"train": [sound], "test": [broken]})) == expected
    assert kinds(check_pairs({"train": [broken], "test": [sound]})) == expected


def test_findings_are_remembered_until_a_file_changes(tmp_path: Path) -> None:
    splits = faulty_splits(tmp_path)
    memory = tmp_path / "cache" / "findings.json"
    first = check_pairs(splits, memory=memory)
    written = memory.stat().st_mtime_ns
    assert check_pairs(splits, memory=memory) == first
    assert memory.stat().st_mtime_ns == written
    Image.fromarray(MASK).save(splits["train"][3].mask)
    assert ("empty mask", "empty") not in kinds(check_pairs(splits, memory=memory))


def test_void_alone_is_an_empty_mask_and_findings_know_their_void(tmp_path: Path) -> None:
    files = pair(tmp_path, "a", photo(0), MASK)
    memory = tmp_path / "findings.json"
    assert check_pairs({"train": [files]}, memory=memory) == []
    expected = [("empty mask", "a")]
    assert kinds(check_pairs({"train": [files]}, void=255, memory=memory)) == expected
    assert check_pairs({"train": [files]}, void=0, memory=memory) == []


def test_object_of_level_1_beside_void_is_not_empty(tmp_path: Path) -> None:
    labels = (MASK // 255).astype(np.uint8)
    labels[0] = 255
    assert check_pairs({"train": [pair(tmp_path, "a", photo(0), labels)]}, void=255) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 1, "findings": {"a": {}}}'])
def test_broken_memory_costs_a_new_look_only(tmp_path: Path, content: str) -> None:
    memory = tmp_path / "findings.json"
    memory.write_text(content)
    files = pair(tmp_path, "a", photo(0), MASK * 0)
    assert kinds(check_pairs({"train": [files]}, memory=memory)) == [("empty mask", "a")]


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
@pytest.mark.parametrize("share", [0.33, 1.0])
@pytest.mark.parametrize("quality", [40, 95])
def test_copy_of_another_size_and_quality_is_the_same_photo(
    tmp_path: Path, name: str, share: float, quality: int
) -> None:
    original = Image.fromarray(getattr(photos, name)())
    copy = original.resize((int(original.width * share), int(original.height * share)))
    copy.save(tmp_path / "a.jpg", quality=quality)
    pair = [thumbnail(np.asarray(p).copy()) for p in (original, Image.open(tmp_path / "a.jpg"))]
    assert list(find_same_photos(pair[0][None], pair[1][None])) == [(0, 0)]


def test_flat_images_of_different_grey_are_different_photos() -> None:
    flat = np.stack([np.full((16, 16), value, np.uint8) for value in (0, 100, 200)])
    assert list(find_same_photos(flat, flat)) == [(0, 0), (1, 1), (2, 2)]


def test_object_added_to_a_scene_makes_another_photo() -> None:
    scene = photos.coffee()
    other = scene.copy()
    other[100:200, 100:200] = 255 - other[100:200, 100:200]
    assert not list(find_same_photos(thumbnail(scene)[None], thumbnail(other)[None]))


def test_different_photos_are_different() -> None:
    names = ["astronaut", "coffee", "chelsea", "rocket"]
    thumbnails = np.stack([thumbnail(getattr(photos, name)()) for name in names])
    assert list(find_same_photos(thumbnails, thumbnails)) == [(i, i) for i in range(4)]


def test_report_groups_by_kind_and_counts_what_it_leaves_out() -> None:
    problems = [
        Problem(kind=kind, id=str(i), path=Path(f"{i}.png"), message="m", cure="c")
        for kind, number in ((ProblemKind.EMPTY_MASK, 3), (ProblemKind.UNREADABLE, 1))
        for i in range(number)
    ]
    text = format_problems(problems, limit=2)
    assert text.splitlines() == [
        "unreadable file: 1",
        "  0.png: m",
        "    c",
        "empty mask: 3",
        "  0.png: m",
        "    c",
        "  1.png: m",
        "    c",
        "  ... and 1 more",
    ]
    assert format_problems(problems, limit=None).count("    c") == 4
