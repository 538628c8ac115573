"""One image as bytes: a plain PNG out, a photograph in any of the usual forms in.

The small sets of a study are decoded hundreds of thousands of times, so the PNGs written here have
one form (8-bit RGB, filter 0, one IDAT) that numpy reads without an image library: 6 µs for 32x32
pixels where Pillow takes 30. Every other file goes through Pillow.
"""

import io
import struct
import zlib
from typing import Any

import numpy as np
from jaxtyping import UInt8

from stages.runtime.errors import InputError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_IHDR = struct.Struct(">IIBBBBB")
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_RGB_DEPTH_8 = (8, 2, 0, 0, 0)
_MARKS = {b"\xff\xd8\xff": "jpg", _SIGNATURE: "png", b"GIF8": "gif", b"BM": "bmp"}
_DAMAGES = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)

EXTENSIONS = ("bmp", "gif", "jpg", "png", "webp")
"""The kinds of image that datasets hold, by the extension of their files."""


def encode_png(image: UInt8[np.ndarray, "height width 3"], level: int = 0) -> bytes:
    """An RGB image as PNG; zlib `level` 0 (fast, for images) to 9 (small, for label maps)."""
    height, width, _ = image.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = image.reshape(height, -1)
    ihdr = _chunk(b"IHDR", _IHDR.pack(width, height, *_RGB_DEPTH_8))
    return _SIGNATURE + ihdr + _chunk(b"IDAT", zlib.compress(rows.data, level)) + _END


def image_extension(data: bytes) -> str | None:
    """The extension that an image's content deserves, whatever its file is called."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((name for mark, name in _MARKS.items() if data.startswith(mark)), None)


def decode_image(data: bytes, name: str) -> UInt8[np.ndarray, "height width 3"]:
    """The RGB pixels of an image file, as the usual loaders of these datasets give them.

    Grey, palette and CMYK images are converted, transparency is dropped, of 16 bits the upper 8 are
    kept and of an animation the first frame. An EXIF rotation is not applied: torchvision's and
    open_clip's loaders apply none, and the published accuracies are theirs.

    Raises
    ------
    InputError
        The file `name` is truncated, damaged or no image.
    """
    if data[:8] == _SIGNATURE and _END not in data:
        raise _broken(name, "the PNG has no end mark")
    plain = _decode_plain(data)
    return _decode_any(data, name) if plain is None else plain


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", _checksum(kind, data))


def _checksum(kind: bytes, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(kind))


def _decode_plain(data: bytes) -> np.ndarray | None:
    """The pixels of a PNG in `encode_png`'s form; None for any other and for a damaged one."""
    if len(data) < 57 or data[37:41] != b"IDAT" or data[:8] != _SIGNATURE:
        return None
    width, height, *form = _IHDR.unpack_from(data, 16)
    body = data[41:-16]
    expected = struct.unpack_from(">I", data, 33)[0], struct.unpack_from(">I", data, len(data) - 16)
    if tuple(form) != _RGB_DEPTH_8 or expected != (len(body), (_checksum(b"IDAT", body),)):
        return None
    raw = zlib.decompress(body)
    if len(raw) != height * (1 + 3 * width):
        return None
    rows = np.frombuffer(raw, np.uint8).reshape(height, 1 + 3 * width)
    return None if rows[:, 0].any() else rows[:, 1:].reshape(height, width, 3)


def _decode_any(data: bytes, name: str) -> np.ndarray:
    from PIL import Image, ImageFile

    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.format == "PNG":
                image.verify()  # reads every chunk's checksum, which decoding alone does not
        with Image.open(io.BytesIO(data)) as image:
            return _rgb(image)
    except (*_DAMAGES, Image.DecompressionBombError) as error:
        raise _broken(name, str(error)) from error


def _rgb(image: Any) -> np.ndarray:
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow's own conversion clips at 255
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
    if "transparency" in image.info:
        image = image.convert("RGBA")
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _broken(name: str, why: str) -> InputError:
    return InputError(f"{name}: a whole image was expected, this one is broken ({why}); replace it")
