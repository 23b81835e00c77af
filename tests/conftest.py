"""Tiny real data sets, drawn by formula, and a clean state around every test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import settings

WIDTH, HEIGHT = 48, 40

# The first call of a compiled loop compiles it; how long a test takes is no property of the code.
settings.register_profile("segfoundry", deadline=None)
settings.load_profile("segfoundry")


@pytest.fixture(autouse=True)
def restored_state() -> Iterator[None]:
    """Torch has one thread and the generator that it had, whatever the test before did.

    Tensors of tests are tiny: a second thread waits more than it works. And sums in two threads
    differ from those of a process with one in their last bits.
    """
    torch.set_num_threads(1)
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)


def write_pair(folder: Path, name: str, number: int) -> None:
    """Write one photo of a bright soft ellipse on noise, and its mask."""
    generator = np.random.default_rng(number)
    centre, axes = generator.integers(15, 25, 2), generator.integers(6, 14, 2)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    inside = 1 - np.hypot((x - centre[0]) / axes[0], (y - centre[1]) / axes[1])
    mask = (255 * np.clip(3 * inside + 0.5, 0, 1)).astype(np.uint8)
    photo = generator.integers(0, 90, (HEIGHT, WIDTH, 3)) + (mask[..., None] // 2)
    for part, pixels, suffix in (("im", photo.astype(np.uint8), "jpg"), ("gt", mask, "png")):
        (folder / part).mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(folder / part / f"{name}.{suffix}"), pixels)


@pytest.fixture(scope="session")
def make_set() -> Callable[..., Path]:
    """Write a set in the DIS5K layout: ``make_set(root, train=9, val=3, test=5)``."""

    def make(root: Path, *, train: int = 9, val: int = 3, test: int = 5) -> Path:
        number = 0
        for subset, count in (("DIS-TR", train), ("DIS-VD", val), ("DIS-TE1", test)):
            for _ in range(count):
                name = f"1#Toys#{number % 2 + 1}#{('Disc', 'Ball')[number % 2]}#{number:03d}"
                write_pair(root / subset, name, number)
                number += 1
        return root

    return make


@pytest.fixture(scope="session")
def tiny_set(make_set: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of nine training, three validation and five test pairs of 48x40 pixels."""
    return make_set(tmp_path_factory.mktemp("tiny_set"))
