import numpy as np
import pytest
from PIL import Image

from interpreting_clip.datasets.images import decode_image, encode_png, image_extension
from interpreting_clip.errors import InputError
from tests.layouts import saved


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
    "16 bits": (saved(DEEP[:, None], "PNG"), np.repeat((DEEP >> 8)[:, None, None], 3, axis=2), 0),
    "palette": (saved(palette(), "PNG", transparency=b"\0\x80"), [[[255, 0, 0], [0, 0, 255]]], 0),
    "jpeg": (saved(INKS, "JPEG"), np.asarray(INKS), 2),
    "cmyk": (saved(INKS.convert("CMYK"), "JPEG"), np.asarray(INKS), 8),
    "webp": (saved(WHITE, "WEBP", lossless=True), WHITE, 0),
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


PNG = encode_png(NOISE)
PHOTO = saved(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8), "JPEG")


@pytest.mark.parametrize(
    "data",
    [
        *(PNG[:kept] for kept in (0, 40, -12, -1)),
        *(PNG[:at] + bytes([PNG[at] ^ 0xFF]) + PNG[at + 1 :] for at in (20, 45, 90)),
        PHOTO[: len(PHOTO) // 2],
        saved(NOISE, "TIFF"),
        encode_png(np.zeros((9_460, 9_460, 3), np.uint8)),  # more pixels than Pillow allows
    ],
)
def test_a_broken_or_huge_image_and_another_kind_are_refused(data: bytes):
    with pytest.raises(InputError, match=r"photo\.png"):
        decode_image(data, "photo.png")
