import numpy as np
from numba import njit

from train.compilation import compilation_announced


def test_the_first_compilation_is_announced_once_and_nothing_before_it() -> None:
    @njit
    def twice(values: np.ndarray) -> np.ndarray:
        return values + values

    said: list[str] = []
    with compilation_announced(said.append):
        assert said == []
        twice(np.zeros(2))
        twice(np.zeros(2, np.int64))
    assert len(said) == 1
    assert "compiling" in said[0]


def test_nothing_is_said_where_everything_is_compiled() -> None:
    @njit
    def half(values: np.ndarray) -> np.ndarray:
        return values / 2

    half(np.zeros(2))
    said: list[str] = []
    with compilation_announced(said.append):
        half(np.zeros(2))
    half(np.zeros(2, np.int64))  # after it, nobody listens
    assert said == []
