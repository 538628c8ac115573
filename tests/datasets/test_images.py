import io

import numpy as np
import pytest
from PIL import Image

from stages.datasets.images import decode_image, encode_png
from stages.storage.errors import InputError


def saved(picture: np.ndarray, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, form, **options)
    return stream.getvalue()


@pytest.mark.parametrize("level", [0, 1, 9])
def test_pillow_reads_our_pngs_and_so_do_we(level: int, pictures: np.ndarray):
    data = encode_png(pictures[0], level)
    np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(data))), pictures[0])
    np.testing.assert_array_equal(decode_image(data, "x"), pictures[0])


def test_pillow_s_filtered_pngs_are_read(pictures: np.ndarray):
    smooth = np.arange(64 * 64 * 3).reshape(64, 64, 3).astype(np.uint8)
    for picture in (pictures[0], smooth):
        np.testing.assert_array_equal(decode_image(saved(picture, "PNG"), "x"), picture)


def test_grey_and_transparent_images_become_rgb(pictures: np.ndarray):
    grey = decode_image(saved(pictures[0, :, :, 0], "PNG"), "x")
    np.testing.assert_array_equal(grey, np.repeat(pictures[0, :, :, :1], 3, axis=2))
    opaque = np.dstack([pictures[0], np.full((5, 4), 255, np.uint8)])
    np.testing.assert_array_equal(decode_image(saved(opaque, "PNG"), "x"), pictures[0])


def test_jpegs_are_read():
    flat = np.full((16, 16, 3), 100, np.uint8)
    assert np.abs(decode_image(saved(flat, "JPEG"), "x").astype(int) - 100).max() <= 2


@pytest.mark.parametrize("kept", [0, 7, 40, 60, -13, -12, -1])
def test_a_truncated_png_is_refused(kept: int, pictures: np.ndarray):
    with pytest.raises(InputError, match=r"photo\.png"):
        decode_image(encode_png(pictures[0])[:kept], "photo.png")


@pytest.mark.parametrize("form", ["ours", "PNG", "JPEG"])
def test_half_an_image_is_refused(form: str):
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encode_png(noise) if form == "ours" else saved(noise, form)
    with pytest.raises(InputError, match=r"photo\.png"):
        decode_image(data[: len(data) // 2], "photo.png")


@pytest.mark.parametrize("position", [20, 45, 70, 90])
def test_a_flipped_byte_is_noticed(position: int, pictures: np.ndarray):
    data = bytearray(encode_png(pictures[0]))
    data[position] ^= 0xFF
    with pytest.raises(InputError, match=r"photo\.png"):
        decode_image(bytes(data), "photo.png")
