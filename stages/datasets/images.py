"""One image as bytes: a plain PNG out, any PNG or JPEG in.

The small sets of a study are decoded hundreds of thousands of times, so the PNGs written here have
one form (8-bit RGB, filter 0, one IDAT) that numpy reads without an image library: 6 µs for 32x32
pixels where Pillow takes 30. Every other file goes through Pillow.
"""

import io
import struct
import zlib

import numpy as np
from jaxtyping import UInt8

from stages.storage.errors import InputError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_IHDR = struct.Struct(">IIBBBBB")
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_RGB_DEPTH_8 = (8, 2, 0, 0, 0)


def encode_png(image: UInt8[np.ndarray, "height width 3"], level: int = 0) -> bytes:
    """An RGB image as PNG; zlib `level` 0 (fast, for images) to 9 (small, for label maps)."""
    height, width, _ = image.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = image.reshape(height, -1)
    ihdr = _chunk(b"IHDR", _IHDR.pack(width, height, *_RGB_DEPTH_8))
    return _SIGNATURE + ihdr + _chunk(b"IDAT", zlib.compress(rows.data, level)) + _END


def decode_image(data: bytes, name: str) -> UInt8[np.ndarray, "height width 3"]:
    """The RGB pixels of a PNG or JPEG file; grey and palette images are converted.

    Raises
    ------
    InputError
        The file `name` is truncated, damaged or no image.
    """
    if data[:8] == _SIGNATURE and data[-12:] != _END:
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

    tolerant, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.format == "PNG":
                image.verify()  # reads every chunk's checksum, which decoding alone does not
        with Image.open(io.BytesIO(data)) as image:
            return np.array(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, zlib.error) as error:
        raise _broken(name, str(error)) from error
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = tolerant


def _broken(name: str, why: str) -> InputError:
    return InputError(f"{name}: a whole image was expected, this one is broken ({why}); replace it")
