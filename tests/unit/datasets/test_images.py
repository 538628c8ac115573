import numpy as np
import pytest
from PIL import Image

from stages.datasets.images import decode_image, encode_png, image_extension
from stages.runtime.errors import InputError
from tests.unit.datasets.conftest import saved


@pytest.mark.parametrize("level", [0, 1, 9])
def test_an_image_comes_back_from_its_png(level: int, pictures: np.ndarray):
    data = encode_png(pictures[0], level)
    assert image_extension(data) == "png"
    np.testing.assert_array_equal(decode_image(data, "x"), pictures[0])
    assert encode_png(pictures[0], level) == data


def test_grey_and_transparent_images_become_rgb(pictures: np.ndarray):
    grey = decode_image(saved(pictures[0, :, :, 0], "PNG"), "x")
    np.testing.assert_array_equal(grey, np.repeat(pictures[0, :, :, :1], 3, axis=2))
    opaque = np.dstack([pictures[0], np.full((5, 4), 255, np.uint8)])
    np.testing.assert_array_equal(decode_image(saved(opaque, "PNG"), "x"), pictures[0])


def test_jpegs_are_read():
    flat = np.full((16, 16, 3), 100, np.uint8)
    assert np.abs(decode_image(saved(flat, "JPEG"), "x").astype(int) - 100).max() <= 2


def test_cmyk_becomes_rgb():
    flat = Image.new("RGB", (16, 16), (200, 100, 50)).convert("CMYK")
    decoded = decode_image(saved(flat, "JPEG"), "x").astype(int)
    assert np.abs(decoded - [200, 100, 50]).max() <= 8


def test_of_sixteen_bits_the_upper_eight_are_kept():
    grey = np.arange(0, 65536, 1024, dtype=np.uint16).reshape(8, 8)
    decoded = decode_image(saved(grey, "PNG"), "x")
    np.testing.assert_array_equal(decoded, np.repeat((grey >> 8)[:, :, None], 3, axis=2))


def test_a_palette_with_transparency_gives_its_colours():
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putdata([0, 1])
    data = saved(image, "PNG", transparency=b"\x00\x80")
    assert decode_image(data, "x").tolist() == [[[255, 0, 0], [0, 0, 255]]]


def test_an_exif_rotation_is_not_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(np.zeros((4, 9, 3), np.uint8), "JPEG", exif=exif)
    assert decode_image(data, "x").shape == (4, 9, 3)


@pytest.mark.parametrize("form", ["WEBP", "GIF", "BMP"])
def test_other_forms_are_read(form: str):
    options = {"lossless": True} if form == "WEBP" else {}
    flat = np.full((3, 4, 3), 255, np.uint8)
    np.testing.assert_array_equal(decode_image(saved(flat, form, **options), "x"), flat)


def test_the_content_says_what_an_image_is():
    flat = np.zeros((3, 4, 3), np.uint8)
    for form, extension in {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "BMP": "bmp"}.items():
        assert image_extension(saved(flat, form)) == extension
    assert image_extension(b"RIFF....WAVE") is None


def test_bytes_after_the_end_of_a_png_do_no_harm(pictures: np.ndarray):
    np.testing.assert_array_equal(decode_image(encode_png(pictures[0]) + b"\n", "x"), pictures[0])


@pytest.mark.parametrize("kept", [0, 7, 40, 60, -13, -12, -1])
def test_a_truncated_png_is_refused(kept: int, pictures: np.ndarray):
    with pytest.raises(InputError, match=r"photo\.png"):
        decode_image(encode_png(pictures[0])[:kept], "photo.png")


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_half_an_image_is_refused(form: str):
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = saved(noise, form)
    with pytest.raises(InputError, match=r"photo\.png"):
        decode_image(data[: len(data) // 2], "photo.png")


@pytest.mark.parametrize("position", [20, 45, 70, 90])
def test_a_flipped_byte_is_noticed(position: int, pictures: np.ndarray):
    data = bytearray(encode_png(pictures[0]))
    data[position] ^= 0xFF
    with pytest.raises(InputError, match=r"photo\.png"):
        decode_image(bytes(data), "photo.png")
