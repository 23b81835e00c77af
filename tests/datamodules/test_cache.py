import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datamodules.cache import ResizedCache, working_size
from datamodules.decode import DecodeError
from datamodules.folder import PairFiles
from datamodules.planes import read_planes, resize_planes

ROOT = Path(__file__).parents[2]
SIZE = (32, 40)
SIDES = st.integers(1, 3000)
SOFT = np.tile(np.linspace(0, 255, 100).astype(np.uint8), (90, 1))
SMOOTH = np.stack([SOFT, SOFT[:, ::-1], SOFT // 2], axis=2)


def make_pair(folder: Path, id: str = "a", *, has_weight: bool = False) -> PairFiles:
    folder.mkdir(exist_ok=True)
    files = PairFiles(
        id=id,
        image=folder / f"{id}.jpg",
        mask=folder / f"{id}.png",
        weight=folder / f"{id}-weight.png" if has_weight else None,
        class_names=("object",),
    )
    Image.fromarray(SMOOTH).save(files.image, quality=100)
    Image.fromarray(np.roll(SOFT, len(id))).save(files.mask)
    if files.weight is not None:
        Image.fromarray(SOFT).save(files.weight)
    return files


def entries(folder: Path) -> dict[str, int]:
    """Name and time of change of every stored plane."""
    return {p.name: p.stat().st_mtime_ns for p in folder.rglob("*.*") if p.is_file()}


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        ((1800, 2200), (1280, 1280)),
        ((720, 1280), (1280, 1280)),
        ((500, 2200), (1280, 1280)),
        ((700, 900), (900, 900)),
        ((1, 1), (1, 1)),
    ],
)
def test_working_size_has_as_many_pixels_as_the_longer_side(
    original: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert working_size(original, (1024, 1024)) == expected
    assert working_size((999, 999), (33, 33)) == (42, 42)


@given(original=st.tuples(SIDES, SIDES), size=st.tuples(SIDES, SIDES))
def test_working_size_has_the_shape_of_the_training_size(
    original: tuple[int, int], size: tuple[int, int]
) -> None:
    height, width = working_size(original, size)
    factor = min(1.25, max(original[0] / size[0], original[1] / size[1]))
    assert factor * size[0] - 1e-9 <= height < factor * size[0] + 1
    assert factor * size[1] - 1e-9 <= width < factor * size[1] + 1


def test_first_and_later_reads_give_the_resized_pair(tmp_path: Path) -> None:
    files = make_pair(tmp_path / "set", has_weight=True)
    expected = resize_planes(read_planes(files), (40, 50))
    for _ in range(3):  # made, read by the same object, read by a new one
        planes, size = ResizedCache(tmp_path / "cache", SIZE).read(files)
        assert size == (90, 100)
        assert np.array_equal(planes.mask, expected.mask)  # soft and without loss
        assert planes.weight is not None
        assert expected.weight is not None
        assert np.array_equal(planes.weight, expected.weight)
        assert np.abs(planes.image.astype(int) - expected.image).mean() < 4


def test_entry_is_made_once(tmp_path: Path) -> None:
    files = make_pair(tmp_path / "set")
    cache = ResizedCache(tmp_path / "cache", SIZE)
    cache.build([files])
    before = entries(tmp_path / "cache")
    ResizedCache(tmp_path / "cache", SIZE).build([files])
    cache.read(files)
    assert entries(tmp_path / "cache") == before
    assert len(before) == 2


def test_same_content_in_another_place_shares_the_entry(tmp_path: Path) -> None:
    cache = ResizedCache(tmp_path / "cache", SIZE)
    cache.build([make_pair(tmp_path / "one")])
    before = entries(tmp_path / "cache")
    cache.build([make_pair(tmp_path / "two")])
    assert entries(tmp_path / "cache") == before


def test_changed_source_gives_its_new_content_at_the_next_start(tmp_path: Path) -> None:
    files = make_pair(tmp_path / "set")
    ResizedCache(tmp_path / "cache", SIZE).build([files])
    Image.fromarray(255 - SOFT).save(files.mask)
    planes, _ = ResizedCache(tmp_path / "cache", SIZE).read(files)
    assert np.array_equal(planes.mask, resize_planes(read_planes(files), (40, 50)).mask)


def test_other_size_or_void_makes_other_entries(tmp_path: Path) -> None:
    files = make_pair(tmp_path / "set")
    sizes = {}
    for cache in (
        ResizedCache(tmp_path / "cache", SIZE),
        ResizedCache(tmp_path / "cache", (16, 16)),
        ResizedCache(tmp_path / "cache", SIZE, void=255),
    ):
        planes, _ = cache.read(files)
        again, _ = cache.read(files)
        assert np.array_equal(planes.mask, again.mask)
        sizes[cache.size, cache.void] = (planes.size, again.weight is not None)
    assert sizes == {
        (SIZE, None): ((40, 50), False),
        ((16, 16), None): ((20, 20), False),
        (SIZE, 255): ((40, 50), True),
    }


@pytest.mark.parametrize("suffix", [".jpg", ".mask.tga", ".weight.tga"])
@pytest.mark.parametrize("damage", ["delete", "empty", "truncate"])
def test_missing_or_broken_entry_is_made_again(tmp_path: Path, suffix: str, damage: str) -> None:
    files = make_pair(tmp_path / "set", has_weight=True)
    cache = ResizedCache(tmp_path / "cache", SIZE)
    expected, _ = cache.read(files)
    (path,) = (tmp_path / "cache").rglob(f"*{suffix}")
    data = path.read_bytes()
    if damage == "delete":
        path.unlink()
    else:
        path.write_bytes(b"" if damage == "empty" else data[: len(data) // 2])
    planes, _ = cache.read(files)
    assert np.array_equal(planes.mask, expected.mask)
    assert path.read_bytes() == data


def test_broken_index_is_made_again(tmp_path: Path) -> None:
    files = make_pair(tmp_path / "set")
    ResizedCache(tmp_path / "cache", SIZE).build([files])
    (index,) = (tmp_path / "cache" / "index").iterdir()
    content = index.read_text()
    index.write_text("half")
    ResizedCache(tmp_path / "cache", SIZE).read(files)
    assert index.read_text() == content


def test_unreadable_source_is_an_error_that_names_it(tmp_path: Path) -> None:
    files = make_pair(tmp_path / "set")
    files.mask.write_bytes(b"no image")
    with pytest.raises(DecodeError, match=r"a\.png"):
        ResizedCache(tmp_path / "cache", SIZE).build([files])


def test_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    files = make_pair(tmp_path / "set")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        ResizedCache(tmp_path / "file" / "cache", SIZE).read(files)


def test_build_removes_old_temporary_files_alone(tmp_path: Path) -> None:
    files = make_pair(tmp_path / "set")
    cache = ResizedCache(tmp_path / "cache", SIZE)
    cache.build([files])
    old, new = tmp_path / "cache" / "index" / "old.tmp", tmp_path / "cache" / "index" / "new.tmp"
    for path in (old, new):
        path.touch()
    os.utime(old, (time.time() - 9999,) * 2)
    cache.build([files])
    assert not old.exists()
    assert new.exists()


BUILD = """
import sys
from pathlib import Path
from datamodules.cache import ResizedCache
from datamodules.folder import find_pairs
print("ready", flush=True)
sys.stdin.readline()
ResizedCache(Path(sys.argv[2]), (256, 256)).build(find_pairs(Path(sys.argv[1]), "")[0])
"""


def start_build(root: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD, str(root / "set"), str(root / "cache")]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def release(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def big_set(root: Path, count: int) -> list[PairFiles]:
    from datamodules.folder import find_pairs

    rng = np.random.default_rng(0)
    for name in ("im", "gt"):
        (root / "set" / name).mkdir(parents=True)
    for index in range(count):
        image = rng.integers(0, 256, (400, 400, 3), dtype=np.uint8)
        Image.fromarray(image).save(root / "set" / "im" / f"{index}.png", compress_level=1)
        Image.fromarray(image[..., 0]).save(root / "set" / "gt" / f"{index}.png", compress_level=1)
    return find_pairs(root / "set", "")[0]


def assert_every_file_is_whole(root: Path, pairs: list[PairFiles]) -> None:
    """Whatever stands under its final name decodes to what the sources say."""
    for path in (root / "cache").rglob("*.*"):
        if path.suffix in (".jpg", ".tga"):
            with Image.open(path) as picture:
                picture.load()
    cache = ResizedCache(root / "cache", (256, 256))
    for files in pairs:
        expected = resize_planes(read_planes(files), (320, 320))
        assert np.array_equal(cache.read(files)[0].mask, expected.mask)


@pytest.mark.slow
def test_killed_build_leaves_only_whole_files_and_goes_on(tmp_path: Path) -> None:
    pairs = big_set(tmp_path, 40)
    for delay in (0.05, 0.1, 0.2):
        process = start_build(tmp_path)
        release(process)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    assert_every_file_is_whole(tmp_path, pairs)


@pytest.mark.slow
def test_two_builds_at_once_agree(tmp_path: Path) -> None:
    pairs = big_set(tmp_path, 30)
    processes = [start_build(tmp_path) for _ in range(2)]
    for process in processes:
        release(process)
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert not list((tmp_path / "cache").rglob("*.tmp"))
    assert_every_file_is_whole(tmp_path, pairs)
