import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.decode import DecodeError
from datamodules.prediction_check import check_predictions, readable_size
from datamodules.prediction_files import ScoredFiles
from datamodules.problems import ProblemKind

NOISE = np.random.default_rng(0).integers(0, 256, (30, 50), np.uint8)


def png(mode: str = "L") -> bytes:
    with BytesIO() as file:
        Image.fromarray(NOISE).convert(mode).save(file, "PNG")
        return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def size_of(data: bytes, tmp_path: Path, name: str = "a.png") -> tuple[int, int]:
    (tmp_path / name).write_bytes(data)
    return readable_size(tmp_path / name)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "I;16"])
def test_sound_png_of_every_kind_has_its_size(mode: str, tmp_path: Path) -> None:
    assert size_of(png(mode), tmp_path) == (30, 50)


@pytest.mark.parametrize("suffix", ["jpg", "webp", "tif", "bmp", "gif"])
def test_other_formats_have_their_size(suffix: str, tmp_path: Path) -> None:
    Image.fromarray(NOISE).save(tmp_path / f"a.{suffix}")
    assert readable_size(tmp_path / f"a.{suffix}") == (30, 50)


def test_every_shorter_file_is_found(tmp_path: Path) -> None:
    data = png()
    for length in range(0, len(data), 7):
        with pytest.raises(DecodeError):
            size_of(data[:length], tmp_path)


def test_every_changed_byte_of_the_pixels_is_found(tmp_path: Path) -> None:
    data = png()
    start, end = data.index(b"IDAT"), data.index(b"IEND") - 8
    for place in range(start, end, 11):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(DecodeError):
            size_of(bytes(changed), tmp_path)


@pytest.mark.parametrize("suffix", ["jpg", "webp", "tif"])
def test_half_a_file_of_another_format_is_found(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(NOISE).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DecodeError, match=f"a.{suffix}"):
        readable_size(path)


def test_bytes_after_the_end_and_a_damaged_comment_do_no_harm(tmp_path: Path) -> None:
    data = png()
    place = data.index(b"IDAT") - 4
    comment = chunk(b"tEXt", b"Title\0map")[:-1] + b"?"
    assert size_of(data[:place] + comment + data[place:] + b"more", tmp_path) == (30, 50)


def test_png_that_lies_on_its_side_has_its_upright_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(NOISE).save(tmp_path / "a.png", exif=exif)
    assert readable_size(tmp_path / "a.png") == (50, 30)


def test_text_called_png_is_found(tmp_path: Path) -> None:
    with pytest.raises(DecodeError):
        size_of(b"hello", tmp_path)


def test_all_that_is_wrong_is_returned_together(tmp_path: Path) -> None:
    for name in ("mask", "good", "other"):
        (tmp_path / f"{name}.png").write_bytes(png())
    Image.fromarray(NOISE[:20]).save(tmp_path / "other.png")
    (tmp_path / "broken.png").write_bytes(png()[:80])
    files = [
        ScoredFiles(
            id=name,
            mask=tmp_path / mask,
            prediction=tmp_path / f"{name}.png",
            image=photo,
            class_names=("object",),
        )
        for name, mask, photo in (
            ("good", "mask.png", tmp_path / "mask.png"),
            ("other", "mask.png", tmp_path / "broken.png"),
            ("broken", "broken.png", None),
        )
    ]
    found = [(p.kind, p.id, p.path.name) for p in check_predictions(files, progress=False)]
    assert found == [
        (ProblemKind.UNREADABLE, "other", "broken.png"),
        (ProblemKind.SIZE_MISMATCH, "other", "other.png"),
        (ProblemKind.UNREADABLE, "broken", "broken.png"),
        (ProblemKind.UNREADABLE, "broken", "broken.png"),
    ]
