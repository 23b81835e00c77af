from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.morphology import skeletonize

from lightningmodules import skeleton_cache
from lightningmodules.skeleton_cache import SkeletonCache

Mask = NDArray[np.bool_]


def disk(height: int, width: int) -> Mask:
    y, x = np.ogrid[:height, :width]
    return (2 * y - height) ** 2 + (2 * x - width) ** 2 < (min(height, width) - 4) ** 2


def only_entry(folder: Path) -> Path:
    (entry,) = folder.iterdir()
    return entry


@pytest.mark.parametrize("shape", [(1, 1), (31, 45), (64, 64)])
def test_first_and_second_call_give_the_skeleton(tmp_path: Path, shape: tuple[int, int]) -> None:
    truth = disk(*shape)
    for _ in range(2):
        np.testing.assert_array_equal(SkeletonCache(tmp_path)(truth), skeletonize(truth))


def test_second_call_reads_the_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = SkeletonCache(tmp_path)(disk(30, 40))
    monkeypatch.delattr(skeleton_cache, "skeleton")  # computing would now be an error
    np.testing.assert_array_equal(SkeletonCache(tmp_path)(disk(30, 40)), expected)


def test_masks_of_equal_bits_and_different_shape_are_told_apart(tmp_path: Path) -> None:
    truth = disk(12, 20)
    cache = SkeletonCache(tmp_path)
    for mask in (truth, truth.reshape(20, 12), np.ascontiguousarray(truth.T)):
        np.testing.assert_array_equal(cache(mask), skeletonize(mask))
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("damage", [b"", b"no zlib", None])
def test_damaged_entry_is_made_again(tmp_path: Path, damage: bytes | None) -> None:
    truth = disk(30, 40)
    SkeletonCache(tmp_path)(truth)
    entry = only_entry(tmp_path)
    whole = entry.read_bytes()
    entry.write_bytes(whole[:-1] if damage is None else damage)
    np.testing.assert_array_equal(SkeletonCache(tmp_path)(truth), skeletonize(truth))
    assert entry.read_bytes() == whole


def test_flipped_bit_is_noticed_wherever_it_is(tmp_path: Path) -> None:
    truth = disk(30, 40)
    SkeletonCache(tmp_path)(truth)
    entry = only_entry(tmp_path)
    whole = bytearray(entry.read_bytes())
    for place in range(len(whole)):
        damaged = whole.copy()
        damaged[place] ^= 4
        entry.write_bytes(damaged)
        np.testing.assert_array_equal(SkeletonCache(tmp_path)(truth), skeletonize(truth))


def test_skeleton_may_be_changed_by_the_caller(tmp_path: Path) -> None:
    cache = SkeletonCache(tmp_path)
    for _ in range(2):
        cache(disk(30, 40))[:] = False
    assert cache(disk(30, 40)).any()


def test_threads_share_a_folder(tmp_path: Path) -> None:
    truths = [disk(20 + k % 3, 30) for k in range(24)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(SkeletonCache(tmp_path), truths))
    for truth, result in zip(truths, found, strict=True):
        np.testing.assert_array_equal(result, skeletonize(truth))
    assert {path.suffix for path in tmp_path.iterdir()} == {".skeleton"}


def test_folder_that_cannot_be_written_to_is_given_up_with_one_warning(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()  # a file where the folder should be
    cache = SkeletonCache(blocked)
    truths = [disk(20, 30), disk(21, 30)]
    with pytest.warns(UserWarning, match="not kept") as warned:
        found = [cache(truth) for truth in truths]
    assert len(warned) == 1
    for truth, result in zip(truths, found, strict=True):
        np.testing.assert_array_equal(result, skeletonize(truth))
