import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from datamodules.decode import DecodeError, image_size, jpeg_components, read_image, to_bytes
from datamodules.decode_mask import read_mask, read_mask_and_void

COLOURS = np.zeros((40, 60, 3), np.uint8)
COLOURS[:20, :, 0] = 250
COLOURS[20:, :30, 1] = 200
COLOURS[20:, 30:, 2] = 180
SOFT = np.tile(np.array([0, 0, 30, 128, 200, 255], np.uint8), (5, 1))
BINARY = np.where(SOFT > 127, np.uint8(255), np.uint8(0))


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def save(path: Path, picture: Image.Image, **options: object) -> Path:
    picture.save(path, **options)  # type: ignore[arg-type]
    return path


def palette_image(indices: NDArray[np.uint8], colours: list[tuple[int, int, int]]) -> Image.Image:
    picture = Image.new("P", indices.shape[::-1])
    picture.putdata(indices.ravel().tolist())
    picture.putpalette([value for colour in colours for value in colour])
    return picture


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "gif"])
def test_lossless_colour_photo_is_read_exactly(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a.{suffix}", Image.fromarray(COLOURS))
    assert np.array_equal(read_image(path), COLOURS)


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_lossy_colour_photo_is_read_as_pillow_does(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a.{suffix}", Image.fromarray(COLOURS), quality=95)
    expected = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert np.abs(read_image(path) - expected).max() <= 2


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK"])
def test_photo_of_any_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(COLOURS).convert(mode)
    path = save(tmp_path / ("a.jpg" if mode == "CMYK" else "a.png"), picture)
    expected = np.asarray(Image.open(path).convert("RGB"))
    assert np.array_equal(read_image(path), expected)


def test_alpha_of_a_photo_is_dropped(tmp_path: Path) -> None:
    rgba = np.dstack([COLOURS, np.zeros((40, 60), np.uint8)])
    assert np.array_equal(read_image(save(tmp_path / "a.png", Image.fromarray(rgba))), COLOURS)


def test_photo_of_16_bits_is_scaled(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), COLOURS[..., ::-1].astype(np.uint16) * 257)
    assert np.array_equal(read_image(path), COLOURS)


def test_grey_photo_of_16_bits_is_scaled_in_tiff(tmp_path: Path) -> None:
    grey = COLOURS[..., 0].astype(np.uint16) * 257
    image = read_image(save(tmp_path / "a.tif", Image.fromarray(grey)))
    assert np.array_equal(image, np.repeat(COLOURS[..., :1], 3, axis=2))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_exif_rotation_is_applied(tmp_path: Path, orientation: int, suffix: str) -> None:
    path = save(tmp_path / f"a.{suffix}", Image.fromarray(COLOURS), exif=exif(orientation))
    turned = {
        1: COLOURS,
        2: COLOURS[:, ::-1],
        3: COLOURS[::-1, ::-1],
        4: COLOURS[::-1],
        5: COLOURS.transpose(1, 0, 2),
        6: np.rot90(COLOURS, -1),
        7: COLOURS[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(COLOURS, 1),
    }[orientation]
    image = read_image(path)
    assert image_size(path) == image.shape[:2] == turned.shape[:2]
    assert np.abs(image.astype(int) - turned).mean() < 8  # lossy colour edges; turned wrongly: 80


def test_mask_is_turned_as_its_photo_is(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(SOFT), exif=exif(6))
    assert np.array_equal(read_mask(path), np.rot90(SOFT, -1))


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
def test_soft_grey_mask_is_read_exactly(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a.{suffix}", Image.fromarray(SOFT), lossless=True)
    assert np.array_equal(read_mask(path), SOFT)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_mask_of_one_bit_becomes_0_and_255(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a.{suffix}", Image.fromarray(BINARY).convert("1"))
    assert np.array_equal(read_mask(path), BINARY)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_mask_of_0_and_1_is_binary(tmp_path: Path, suffix: str, dtype: type[np.generic]) -> None:
    path = save(tmp_path / f"a.{suffix}", Image.fromarray((BINARY // 255).astype(dtype)))
    assert np.array_equal(read_mask(path), BINARY)


def test_nearly_black_jpeg_mask_stays_black(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(np.ones((16, 16), np.uint8)), quality=100)
    assert read_mask(path).max() == 1


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_soft_mask_of_16_bits_stays_soft(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a.{suffix}", Image.fromarray(SOFT.astype(np.uint16) * 257))
    assert np.array_equal(read_mask(path), SOFT)


def test_mask_of_16_bits_that_holds_8_is_not_scaled(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(SOFT.astype(np.uint16)))
    assert np.array_equal(read_mask(path), SOFT)


def test_float_mask_is_scaled(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", Image.fromarray(SOFT.astype(np.float32) / 255))
    assert np.array_equal(read_mask(path), SOFT)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_rgb_mask_of_greys_stays_soft(tmp_path: Path, dtype: type[np.generic]) -> None:
    factor = 257 if dtype is np.uint16 else 1
    cv2.imwrite(str(tmp_path / "a.png"), np.dstack([SOFT] * 3).astype(dtype) * factor)
    assert np.array_equal(read_mask(tmp_path / "a.png"), SOFT)


def test_coloured_rgb_mask_counts_by_its_strongest_channel(tmp_path: Path) -> None:
    zero = np.zeros_like(SOFT)
    path = save(tmp_path / "a.png", Image.fromarray(np.dstack([SOFT, zero, zero])))
    assert np.array_equal(read_mask(path), SOFT)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_that_varies_is_the_mask(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(np.full_like(SOFT, 77)).convert(mode)
    picture.putalpha(Image.fromarray(SOFT))
    assert np.array_equal(read_mask(save(tmp_path / "a.png", picture)), SOFT)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("opacity", [0, 255])
def test_alpha_that_is_constant_is_ignored(tmp_path: Path, mode: str, opacity: int) -> None:
    picture = Image.fromarray(SOFT).convert(mode)
    picture.putalpha(opacity)
    assert np.array_equal(read_mask(save(tmp_path / "a.png", picture)), SOFT)


@pytest.mark.parametrize(
    "colours",
    [
        [(0, 0, 0), (255, 255, 255)],
        [(0, 0, 0), (128, 0, 0)],
        [(0, 0, 0), (128, 128, 128)],
        [(68, 1, 84), (253, 231, 37)],
        [(0, 0, 0), (128, 0, 0), (0, 128, 0)],
        [(0, 0, 0), (1, 1, 1), (2, 2, 2)],
    ],
    ids=["white", "red", "grey", "viridis", "voc", "ramp"],
)
def test_palette_mask_of_two_used_colours_is_binary(
    tmp_path: Path, colours: list[tuple[int, int, int]]
) -> None:
    path = save(tmp_path / "a.png", palette_image(BINARY // 255, colours))
    assert np.array_equal(read_mask(path), BINARY)


def test_palette_of_two_colours_may_hold_the_foreground_first(tmp_path: Path) -> None:
    picture = palette_image(BINARY // 255, [(255, 255, 255), (0, 0, 0)])
    assert np.array_equal(read_mask(save(tmp_path / "a.png", picture)), 255 - BINARY)


def test_palette_of_greys_stays_soft(tmp_path: Path) -> None:
    picture = palette_image(SOFT, [(value, value, value) for value in range(256)])
    assert np.array_equal(read_mask(save(tmp_path / "a.png", picture)), SOFT)


def test_every_class_of_a_coloured_palette_is_foreground(tmp_path: Path) -> None:
    indices = np.array([[0, 1, 2], [0, 0, 3]], np.uint8)
    picture = palette_image(indices, [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 128)])
    mask = read_mask(save(tmp_path / "a.png", picture))
    assert mask.tolist() == [[0, 255, 255], [0, 0, 255]]


def test_transparent_palette_gives_its_alpha(tmp_path: Path) -> None:
    picture = palette_image(BINARY // 255, [(9, 9, 9), (9, 200, 9), (3, 3, 3)])
    path = save(tmp_path / "a.png", picture, transparency=bytes([0, 140, 255]))
    assert np.array_equal(read_mask(path), np.where(BINARY, 140, 0))


@pytest.mark.parametrize("bits", [2, 4])
def test_grey_png_of_few_bits_with_largest_value_1_is_binary(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(grey_png(BINARY // 255, bits))
    assert np.array_equal(read_mask(path), BINARY)


def grey_png(values: NDArray[np.uint8], bits: int) -> bytes:
    """A PNG of 2 or 4 bits a pixel, which Pillow cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    height, width = values.shape
    rows = b""
    for row in values:
        text = "".join(f"{value:0{bits}b}" for value in row)
        text += "0" * (-len(text) % 8)
        rows += b"\0" + int(text, 2).to_bytes(len(text) // 8, "big")
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("share", [0.5, 0.95])
@pytest.mark.parametrize("read", [read_image, read_mask])
def test_truncated_file_is_an_error_with_path(
    tmp_path: Path, suffix: str, share: float, read: type
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = save(tmp_path / f"cut.{suffix}", Image.fromarray(noise))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DecodeError, match=rf"cut\.{suffix}: "):
        read(path)


def test_bytes_after_the_end_of_a_jpeg_are_no_error(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(COLOURS))
    expected = read_image(path)
    path.write_bytes(path.read_bytes() + b"appended by a phone")
    assert np.array_equal(read_image(path), expected)


@pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8", b"\x89PNG\r\n\x1a\n"])
@pytest.mark.parametrize("read", [read_image, read_mask, image_size])
def test_file_that_is_no_image_is_an_error(tmp_path: Path, content: bytes, read: type) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(DecodeError, match=r"a\.jpg: "):
        read(tmp_path / "a.jpg")


@pytest.mark.parametrize("read", [read_image, read_mask, image_size])
def test_missing_file_is_an_error(tmp_path: Path, read: type) -> None:
    with pytest.raises(DecodeError, match=r"none\.jpg: "):
        read(tmp_path / "none.jpg")


@settings(deadline=None, max_examples=40)
@given(
    arrays(
        np.uint8,
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)),
    )
)
def test_png_photo_survives_the_round_trip(
    tmp_path_factory: object, image: NDArray[np.uint8]
) -> None:
    path = Path(tmp_path_factory.getbasetemp()) / "round.png"  # type: ignore[attr-defined]
    Image.fromarray(image).save(path)
    assert np.array_equal(read_image(path), image)


@settings(deadline=None, max_examples=40)
@given(arrays(np.uint16, st.integers(1, 20), elements=st.integers(0, 65535)))
def test_16_bits_round_to_the_nearest_byte(values: NDArray[np.uint16]) -> None:
    if values.max() > 255:
        assert np.array_equal(to_bytes(values), np.rint(values / 257))


def test_components_of_a_jpeg_are_found_behind_its_metadata() -> None:
    for mode, expected in (("L", 1), ("RGB", 3), ("CMYK", 4)):
        file = BytesIO()
        Image.new(mode, (8, 8)).save(file, "JPEG", exif=exif(3), comment=b"x" * 999)
        assert jpeg_components(file.getvalue()) == expected


# size


def png_header(width: int, height: int) -> bytes:
    """What stands before the pixels of a grey PNG of 8 bits."""
    parts = struct.pack(">II", width, height) + b"\x08\0\0\0\0"
    header = (
        struct.pack(">I", 13) + b"IHDR" + parts + struct.pack(">I", zlib.crc32(b"IHDR" + parts))
    )
    return b"\x89PNG\r\n\x1a\n" + header + b"\0\0\0\x01IDAT\0"


def jpeg_header(width: int, height: int) -> bytes:
    """What stands before the pixels of a grey JPEG, but its tables."""
    frame = struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\0"
    return b"\xff\xd8\xff\xc0" + frame + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0"


# Pillow by itself warns from 9460 and refuses from 13378
@pytest.mark.parametrize("side", [10000, 20000, 2**15])
def test_size_of_a_photo_up_to_the_limit_of_opencv_is_read(tmp_path: Path, side: int) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg_header(side, side))
    assert image_size(path) == (side, side)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("width", [2**15 + 1, 2**17])
@pytest.mark.parametrize("read", [image_size, read_image, read_mask])
def test_larger_photo_is_an_error_whoever_reads_it(
    tmp_path: Path, width: int, read: Callable[[Path], object]
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_header(width, 2**15))
    with pytest.raises(DecodeError, match=r"pixels"):
        read(path)


# void, a stored value that means "unknown"

LABELS = np.array([[0, 1, 1, 255], [0, 0, 1, 255]], np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_of_0_1_and_void_is_binary(tmp_path: Path, suffix: str, channels: int) -> None:
    stored = LABELS if channels == 1 else np.repeat(LABELS[..., None], 3, axis=2)
    mask, is_void = read_mask_and_void(save(tmp_path / f"a.{suffix}", Image.fromarray(stored)), 255)
    assert np.array_equal(mask, np.where(LABELS == 1, 255, 0))
    assert np.array_equal(is_void, LABELS == 255)


def test_grey_of_16_bits_with_void_65535_is_binary(tmp_path: Path) -> None:
    stored = np.where(LABELS == 255, np.uint16(65535), LABELS)
    mask, is_void = read_mask_and_void(save(tmp_path / "a.png", Image.fromarray(stored)), 65535)
    assert np.array_equal(mask, np.where(LABELS == 1, 255, 0))
    assert np.array_equal(is_void, LABELS == 255)


def test_void_of_a_palette_is_its_index(tmp_path: Path) -> None:
    colours = [(i, 255 - i, 7) for i in range(256)]
    indices = np.where(LABELS == 1, 15, LABELS).astype(np.uint8)
    mask, is_void = read_mask_and_void(
        save(tmp_path / "a.png", palette_image(indices, colours)), 255
    )
    assert np.array_equal(mask, np.where(LABELS == 1, 255, 0))
    assert np.array_equal(is_void, LABELS == 255)


def test_void_of_few_bits_is_the_stored_value(tmp_path: Path) -> None:
    rows = np.array([[0, 1, 3, 3]], np.uint8)
    path = tmp_path / "a.png"
    path.write_bytes(grey_png(rows, 2))
    mask, is_void = read_mask_and_void(path, 3)
    assert mask.tolist() == [[0, 255, 0, 0]]
    assert is_void is not None
    assert is_void.tolist() == [[False, False, True, True]]


def test_red_foreground_is_no_void_of_255(tmp_path: Path) -> None:
    stored = np.array([[[255, 0, 0], [255, 255, 255], [0, 0, 0]]], np.uint8)
    mask, is_void = read_mask_and_void(save(tmp_path / "a.png", Image.fromarray(stored)), 255)
    assert mask.tolist() == [[255, 0, 0]]
    assert is_void is not None
    assert is_void.tolist() == [[False, True, False]]


def test_alpha_of_a_cut_out_may_hold_void(tmp_path: Path) -> None:
    stored = np.zeros((1, 3, 4), np.uint8)
    stored[0, :, 3] = 0, 128, 255
    mask, is_void = read_mask_and_void(save(tmp_path / "a.png", Image.fromarray(stored)), 128)
    assert mask.tolist() == [[0, 0, 255]]
    assert is_void is not None
    assert is_void.tolist() == [[False, True, False]]
