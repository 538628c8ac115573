import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from interpreting_clip.datasets.images import CHUNKS, decode_image, encode_png, image_extension
from interpreting_clip.errors import InputError
from tests.unit.datasets.conftest import saved


@pytest.mark.parametrize("level", [0, 1, 9])
def test_an_image_comes_back_from_its_png(level: int, pictures: np.ndarray):
    data = encode_png(pictures[0], level)
    assert image_extension(data) == "png"
    np.testing.assert_array_equal(decode_image(data, "x"), pictures[0])
    assert encode_png(pictures[0], level) == data


def palette() -> Image.Image:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putdata([0, 1])
    return image


NOISE = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
WHITE, DEEP = np.full((3, 4, 3), 255, np.uint8), np.arange(0, 65536, 1024, dtype=np.uint16)
INKS = Image.new("RGB", (16, 16), (200, 100, 50))
KINDS = {
    "grey": (saved(NOISE[:, :, 0], "PNG"), np.repeat(NOISE[:, :, :1], 3, axis=2), 0),
    "opaque": (saved(np.dstack([NOISE, WHITE[0, 0, 0] + 0 * NOISE[:, :, 0]]), "PNG"), NOISE, 0),
    "16 bits": (saved(DEEP[:, None], "PNG"), np.repeat((DEEP >> 8)[:, None, None], 3, axis=2), 0),
    "palette": (saved(palette(), "PNG", transparency=b"\0\x80"), [[[255, 0, 0], [0, 0, 255]]], 0),
    "jpeg": (saved(INKS, "JPEG"), np.asarray(INKS), 2),
    "cmyk": (saved(INKS.convert("CMYK"), "JPEG"), np.asarray(INKS), 8),
    "webp": (saved(WHITE, "WEBP", lossless=True), WHITE, 0),
    "gif": (saved(WHITE, "GIF"), WHITE, 0),
    "bmp": (saved(WHITE, "BMP"), WHITE, 0),
}


@pytest.mark.parametrize(("data", "expected", "tolerance"), KINDS.values(), ids=KINDS)
def test_an_image_of_any_kind_becomes_rgb(data: bytes, expected: np.ndarray, tolerance: int):
    decoded = decode_image(data, "x").astype(int)
    np.testing.assert_allclose(decoded, expected, rtol=0, atol=tolerance)


def test_an_exif_rotation_is_not_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(np.zeros((4, 9, 3), np.uint8), "JPEG", exif=exif)
    assert decode_image(data, "x").shape == (4, 9, 3)


def test_the_content_says_what_an_image_is():
    flat = np.zeros((3, 4, 3), np.uint8)
    for form, extension in {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "BMP": "bmp"}.items():
        assert image_extension(saved(flat, form)) == extension
    assert image_extension(b"RIFF....WAVE") is None


def test_bytes_after_the_end_of_a_png_do_no_harm(pictures: np.ndarray):
    np.testing.assert_array_equal(decode_image(encode_png(pictures[0]) + b"\n", "x"), pictures[0])


def test_damaged_exif_is_passed_over(recwarn: pytest.WarningsRecorder):
    data = saved(INKS, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1")
    np.testing.assert_allclose(decode_image(data, "x").astype(int), np.asarray(INKS), atol=2)
    assert not recwarn.list


def png_of(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a grey PNG of 4 x 4 pixels with other chunks than it should have."""
    header = b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0)
    parts = [(*one, zlib.crc32(b"".join(one))) for one in (header, *chunks, (b"IEND", b""))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)
        for kind, data, crc in parts
    )


@pytest.mark.parametrize("chunks", [(), ((b"IDAT", b""),)], ids=["no data", "empty data"])
def test_a_png_without_pixels_is_refused(chunks: tuple[tuple[bytes, bytes], ...]):
    with pytest.raises(InputError, match=r"photo\.png: .*broken"):
        decode_image(png_of(*chunks), "photo.png")


PNG = encode_png(NOISE)
PHOTO = saved(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8), "JPEG")


@pytest.mark.parametrize(
    "data",
    [
        *(PNG[:kept] for kept in (0, 7, 40, 60, -13, -12, -1)),
        *(PNG[:at] + bytes([PNG[at] ^ 0xFF]) + PNG[at + 1 :] for at in (20, 45, 70, 90)),
        PHOTO[: len(PHOTO) // 2],
    ],
)
def test_a_truncated_image_and_a_flipped_byte_are_refused(data: bytes):
    with pytest.raises(InputError, match=r"photo\.png"):
        decode_image(data, "photo.png")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
    return b"".join([PNG[:8], head, *chunks, pixels, chunk(b"IEND", b"")])


INFLATING = zlib.compress(bytes(1 << 22))
WIDE = b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\x80\0\0" + bytes(6)
BOMBS = {
    "declared": png(60_000, 60_000),
    "of which Pillow warns": png(9_460, 9_460),
    "zTXt": png(8, 8, chunk(b"zTXt", b"k\0\0" + INFLATING)),
    "iTXt": png(8, 8, chunk(b"iTXt", b"k\0\1\0\0\0" + INFLATING)),
    "iCCP": png(8, 8, chunk(b"iCCP", b"k\0\0" + INFLATING)),
    "chunks": png(8, 8, chunk(b"prVt", b"") * CHUNKS),
    "gif": WIDE + b"," + struct.pack("<HHHH", 0, 0, 65535, 65535) + b"\0\2\2\x4c\1\0;",
    "bmp": b"BM"
    + struct.pack("<IHHI", 54, 0, 0, 54)
    + struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0),
    "webp": saved(Image.new("RGB", (4, 12_000)), "WEBP", lossless=True),
    "other kind": saved(NOISE, "TIFF"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_an_image_that_fills_the_memory_or_another_kind_is_refused(bomb: str, monkeypatch):
    monkeypatch.setattr("interpreting_clip.datasets.images.WEBP_PIXELS", 4 * 12_000 - 1)
    with pytest.raises(InputError, match=r"photo\.png: expected a whole image"):
        decode_image(BOMBS[bomb], "photo.png")


def test_frames_and_pixels_beyond_the_image_are_not_unpacked():
    frames = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    assert decode_image(png(8, 8, frames), "x").shape == (8, 8, 3)


@pytest.mark.parametrize("strip", [1, 9, 1 << 22])
@pytest.mark.parametrize("kind", KINDS)
def test_strips_change_no_pixel(kind: str, strip: int, monkeypatch):
    whole = decode_image(KINDS[kind][0], "x")
    monkeypatch.setattr("interpreting_clip.datasets.images._STRIP", strip)
    np.testing.assert_array_equal(decode_image(KINDS[kind][0], "x"), whole)
