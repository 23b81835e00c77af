"""Sets of pairs as batches for an extractor."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from datamodules.pair_sets import MEASURED_SIDE, PairSets, SetPairs, collate_pairs, measured
from datamodules.pair_source import PairEntry
from datamodules.problems import DatasetError
from datamodules.two_folders import resize_bicubic


class Squares:
    """A source that is no folder: squares of growing brightness."""

    def __init__(self, num: int) -> None:
        self.num = num

    @property
    def entries(self) -> Sequence[PairEntry]:
        return [PairEntry(id=f"{n}", class_name="square", group="drawn") for n in range(self.num)]

    def read(self, place: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        mask = np.zeros((20, 30), np.uint8)
        mask[5:15, 5:15] = 255
        return np.full((20, 30, 3), 10 * place, np.uint8), mask


def test_real_set_comes_first_whatever_its_name() -> None:
    data = PairSets({"a": Squares(2), "z": Squares(3)}, real="z")
    assert list(data.sources) == ["z", "a"]
    assert data.origins == {"z": "Squares", "a": "Squares"}


@pytest.mark.parametrize("sets", [{}, {"real": Squares(2)}, {"a": Squares(2), "b": Squares(2)}])
def test_a_real_set_and_another_are_needed(sets: dict[str, str | Squares]) -> None:
    with pytest.raises(DatasetError, match="give the real set, called 'real'"):
        PairSets(dict(sets))


def test_pairs_of_all_sets_know_their_place() -> None:
    pairs = SetPairs([Squares(2), Squares(3)], (8, 8))
    batch = collate_pairs([pairs[index] for index in range(len(pairs))])
    assert len(batch) == 5
    assert batch.places.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [1, 2]]
    assert batch.images.shape == (5, 3, 8, 8)
    assert batch.masks.shape == (5, 1, 8, 8)
    image, mask = Squares(3).read(2)
    torch.testing.assert_close(batch.images[4], resize_bicubic(image, (8, 8)))
    torch.testing.assert_close(batch.masks[4], resize_bicubic(mask, (8, 8)))


@pytest.mark.parametrize("shape", [(20, 30), (2000, 3000), (30, 20), (1, 1), (1, 4000)])
def test_masks_are_measured_at_one_side(shape: tuple[int, int]) -> None:
    full = measured(np.full(shape, 255, np.uint8))
    assert max(full.shape) == MEASURED_SIDE
    assert min(full.shape) == max(1, round(min(shape) * MEASURED_SIDE / max(shape)))
    assert full.all()


def test_size_of_the_object_does_not_depend_on_that_of_the_image() -> None:
    mask = np.zeros((60, 60), np.uint8)
    mask[12:30, 6:48] = 255
    large = np.kron(mask, np.ones((20, 20), np.uint8)).astype(np.uint8)
    assert measured(mask).mean() == pytest.approx(measured(large).mean(), rel=0.01)


def test_no_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="batch_size 0: give at least 1"):
        PairSets({"real": Squares(2), "b": Squares(2)}, batch_size=0)
