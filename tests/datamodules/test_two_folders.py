"""Two folders become batches of one size, each file once, or one message."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from numpy.typing import NDArray
from PIL import Image

from datamodules.folder import PhotoFile
from datamodules.problems import DatasetError
from datamodules.two_folders import SetBatch, SetImages, TwoFolders, resize_bicubic

Files = Callable[[str, int], Path]


class Eye(LightningModule):
    """Wants 16 px, and keeps what it sees."""

    input_size = (16, 16)

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[SetBatch] = []

    def test_step(self, batch: SetBatch, batch_idx: int) -> None:
        self.seen.append(batch)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    def write(name: str, num: int) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for number in range(num):
            generator = np.random.default_rng(number)
            pixels = generator.integers(0, 256, (20 + number, 31, 3), dtype=np.uint8)
            cv2.imwrite(str(folder / f"{number}.png"), pixels)
        return folder

    return write


def run(data: TwoFolders, module: LightningModule) -> None:
    Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    ).test(module, data, verbose=False)


def test_every_file_comes_once_with_its_place_and_its_set(files: Files) -> None:
    eye = Eye()
    run(TwoFolders(files("real", 3), files("generated", 2), batch_size=4, num_workers=0), eye)
    seen = [
        (id, place, is_real)
        for batch in eye.seen
        for id, place, is_real in zip(
            batch.id, batch.places.tolist(), batch.is_real.tolist(), strict=True
        )
    ]
    assert seen == [
        ("0", 0, True),
        ("1", 1, True),
        ("2", 2, True),
        ("0", 0, False),
        ("1", 1, False),
    ]
    assert [len(batch) for batch in eye.seen] == [4, 1]
    assert eye.seen[0].pixels.shape == (4, 3, 16, 16)


def test_masks_have_one_channel_and_keep_their_rules(tmp_path: Path) -> None:
    # a mask of 0 and 1 is full foreground, which an image of 0 and 1 is not
    path = tmp_path / "mask.png"
    Image.fromarray(np.ones((8, 8), dtype=np.uint8)).save(path)
    photo = PhotoFile(id="mask", image=path)
    mask, image = (
        SetImages([(photo, 0, True)], content, (16, 16))[0].pixels
        for content in ("masks", "images")
    )
    assert mask.shape == (1, 16, 16)
    assert mask.min() == mask.max() == 1
    assert image.shape == (3, 16, 16)
    assert image.max() < 0.01


def checkerboard(size: int) -> NDArray[np.uint8]:
    return (np.indices((size, size)).sum(0) % 2 * 255).astype(np.uint8)


def test_resize_is_antialiased() -> None:
    # without a filter some phase of the board would survive
    inside = resize_bicubic(checkerboard(96), (12, 12))[0, 2:-2, 2:-2]
    torch.testing.assert_close(inside, torch.full_like(inside, 0.5), atol=0.01, rtol=0)


@pytest.mark.parametrize("size", [(9, 14), (40, 17), (1, 1)])
def test_resize_is_torch_s_antialiased_bicubic_without_rounding(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (23, 31, 3), dtype=np.uint8)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(image).permute(2, 0, 1)[None].double() / 255,
        size,
        mode="bicubic",
        antialias=True,
    )[0]
    torch.testing.assert_close(resize_bicubic(image, size).double(), expected, atol=2e-5, rtol=0)


def test_resize_overshoots_beside_an_edge() -> None:
    edge = np.repeat([[0, 255]], 8, axis=1).repeat(16, axis=0).astype(np.uint8)
    resized = resize_bicubic(edge, (8, 8))
    assert resized.min() < 0
    assert resized.max() > 1


def test_a_size_that_fits_is_left_alone() -> None:
    board = checkerboard(16)
    assert resize_bicubic(board, (16, 16))[0].equal(torch.from_numpy(board) / 255)


def test_all_unreadable_files_are_named_together(files: Files) -> None:
    real, generated = files("real", 3), files("generated", 2)
    (real / "1.png").write_bytes(b"no image")
    (generated / "0.png").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"unreadable file: 2\n") as refused:
        run(TwoFolders(real, generated, num_workers=0), Eye())
    assert str(real / "1.png") in str(refused.value)
    assert str(generated / "0.png") in str(refused.value)


def test_a_folder_of_pairs_is_refused(files: Files) -> None:
    real = files("real", 1)
    (real / "im").mkdir()
    (real / "gt").mkdir()
    with pytest.raises(DatasetError, match="holds images and masks: give"):
        TwoFolders(real, real).setup("test")


def test_a_missing_folder_is_refused(files: Files, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no folder"):
        TwoFolders(files("real", 1), tmp_path / "nowhere").setup("test")


def test_a_file_of_an_unsupported_format_is_named(files: Files) -> None:
    real = files("real", 1)
    (real / "b.heic").write_bytes(b"photo")
    with pytest.raises(DatasetError, match=r"b\.heic: the format \.heic is not supported"):
        TwoFolders(real, files("generated", 1)).setup("test")


def test_a_module_that_wants_no_size_is_refused(files: Files) -> None:
    class Blind(LightningModule):
        def test_step(self, batch: SetBatch, batch_idx: int) -> None: ...

    with pytest.raises(DatasetError, match="Blind does not say which input_size"):
        run(TwoFolders(files("real", 1), files("generated", 1)), Blind())


def test_batches_must_be_of_one_image_or_more(files: Files) -> None:
    with pytest.raises(ValueError, match="batch_size 0"):
        TwoFolders(files("real", 1), files("generated", 1), batch_size=0)
