import io
import warnings
from typing import Any

import numpy as np
import pytest
from PIL import Image

from interpreting_clip.datasets.images import decode_image
from interpreting_clip.errors import InputError
from interpreting_clip.loading.decoding import decode_fast
from tests.unit.loading.test_preprocess import photograph


def jpeg(mode: str = "RGB", shape: tuple[int, int] = (67, 90), **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(photograph(*shape)).convert(mode).save(stream, "JPEG", **options)
    return stream.getvalue()


@pytest.mark.parametrize("shape", [(67, 90), (1, 1)])
@pytest.mark.parametrize(
    ("mode", "options"),
    [
        *(
            ("RGB", {"subsampling": subsampling, "quality": 20, "progressive": progressive})
            for subsampling in (0, 1, 2)
            for progressive in (False, True)
        ),
        ("RGB", {"optimize": True, "restart_marker_blocks": 2}),
        ("RGB", {"keep_rgb": True}),
        ("L", {}),
        ("CMYK", {}),
    ],
)
def test_the_pixels_of_a_jpeg_are_pillow_s(mode, options, shape):
    data = jpeg(mode, shape, **options)
    found = decode_fast(data, "x")
    np.testing.assert_array_equal(found, decode_image(data, "x"))
    assert found.flags.writeable and found.flags.c_contiguous


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {}),
        ("RGB", {"transparency": (0, 0, 0)}),
        ("RGB", {"icc_profile": b"damaged"}),
        *((mode, {}) for mode in ("1", "L", "LA", "P", "RGBA", "I;16")),
    ],
)
def test_the_pixels_of_a_png_are_pillow_s(mode, options, capfd):
    stream = io.BytesIO()
    Image.fromarray(photograph(67, 90)).convert(mode).save(stream, "PNG", **options)
    found = decode_fast(stream.getvalue(), "x")
    np.testing.assert_array_equal(found, decode_image(stream.getvalue(), "x"))
    assert found.flags.writeable and found.flags.c_contiguous
    assert not capfd.readouterr().err


def test_a_rotation_in_exif_is_not_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = jpeg(exif=exif)
    assert decode_fast(data, "x").shape == (67, 90, 3)


def test_a_damaged_jpeg_gives_pillow_s_pixels_or_its_error():
    rng, whole = np.random.default_rng(0), jpeg()
    outcomes = set()
    for _ in range(200):
        data = bytearray(whole)
        for at in rng.integers(len(data), size=2):
            data[at] ^= 1 << rng.integers(8)
        data = bytes(data[: rng.integers(20, 2 * len(data))])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                expected = decode_image(data, "a.jpg")
            except InputError:
                # What Pillow alone refuses does not come here: `fetch` has refused it.
                outcomes.add("refused")
                continue
        np.testing.assert_array_equal(decode_fast(data, "a.jpg"), expected)
        outcomes.add("equal")
    assert outcomes == {"refused", "equal"}
