import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from datamodules.repeated_pairs import PairThumbnail, find_repeats, pair_thumbnail


def picture(seed: int, size: int = 64) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    return coarse.repeat(size // 8, 0).repeat(size // 8, 1)


def square(shift: int = 0, size: int = 64) -> NDArray[np.uint8]:
    mask = np.zeros((size, size), np.uint8)
    mask[16 + shift : 48 + shift, 16:48] = 255
    return mask


def found(*pairs: PairThumbnail) -> list[tuple[int, int]]:
    return [(repeat.place, repeat.of) for repeat in find_repeats(pairs)]


def test_pair_repeats_only_where_image_and_mask_do() -> None:
    first = pair_thumbnail(picture(0), square())
    assert found(first, first) == [(1, 0)]
    assert found(first, pair_thumbnail(picture(1), square())) == []
    assert found(first, pair_thumbnail(picture(0), square(shift=4))) == []


def test_overlap_of_the_masks_is_given_and_decides() -> None:
    # rows 16 to 48 against the same with one row less: 31 / 32
    shorter = square()
    shorter[47] = 0
    [repeat] = find_repeats(pair_thumbnail(picture(0), mask) for mask in (square(), shorter))
    assert repeat.iou == 31 / 32
    shorter[46] = 0  # 30 / 32 is below .95
    assert found(*(pair_thumbnail(picture(0), mask) for mask in (square(), shorter))) == []


def test_another_size_of_the_same_pair_is_a_repeat() -> None:
    big = pair_thumbnail(picture(0, 128), square().repeat(2, 0).repeat(2, 1))
    assert found(pair_thumbnail(picture(0), square()), big) == [(1, 0)]


def test_blank_pairs_repeat_each_other() -> None:
    blank = [
        pair_thumbnail(np.full((side, side, 3), 9, np.uint8), np.zeros((side, side), np.uint8))
        for side in (1, 2, 5)
    ]
    assert found(*blank) == [(1, 0), (2, 0)]
    assert found() == []
    assert found(blank[0]) == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0, 1, 4, 5])), max_size=14))
def test_kept_pairs_are_apart_and_others_repeat_one_of_them(draws: list[tuple[int, int]]) -> None:
    pairs = [pair_thumbnail(picture(seed), square(shift)) for seed, shift in draws]
    repeats = dict(found(*pairs))
    kept = [k for k in range(len(pairs)) if k not in repeats]
    assert found(*(pairs[k] for k in kept)) == []
    assert set(repeats.values()) <= set(kept)
    assert all(of < place for place, of in repeats.items())


def test_repeats_are_found_across_blocks() -> None:
    different = [pair_thumbnail(picture(seed), square()) for seed in range(520)]
    assert found(*different, different[3], different[515]) == [(520, 3), (521, 515)]
