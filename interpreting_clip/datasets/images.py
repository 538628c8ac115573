"""One image as a file: RGB images are written as PNG, photographs read in any usual format."""

import io
import warnings
from typing import Any

import numpy as np
from jaxtyping import UInt8

from interpreting_clip.errors import InputError

EXTENSIONS = ("bmp", "gif", "jpg", "png", "webp")
"""The image formats that datasets hold, by the extension of their files."""

SUFFIXES = {f".{extension}" for extension in (*EXTENSIONS, "jpeg")}
"""The extensions of image files; the content decides what a file really is."""

_SIGNATURES = {b"\xff\xd8\xff": "jpg", b"\x89PNG\r\n\x1a\n": "png", b"GIF8": "gif", b"BM": "bmp"}
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"


def encode_png(image: UInt8[np.ndarray, "height width 3"], compress_level: int = 0) -> bytes:
    """Return an RGB image as PNG; zlib's level is 0 (fast, for images) to 9 (small, for maps).

    The bytes depend on Pillow, which chooses the filter of each row, and above level 0 on the zlib
    that Pillow is built with. Pillow's package contains its own zlib. So its version, which is in
    the fingerprint of each stage that writes images, decides both. The pixels depend on neither.
    """
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", compress_level=compress_level)
    return stream.getvalue()


def image_extension(data: bytes) -> str | None:
    """Return the extension that fits an image's content, whatever its file is called."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((name for mark, name in _SIGNATURES.items() if data.startswith(mark)), None)


def decode_image(data: bytes, name: str) -> UInt8[np.ndarray, "height width 3"]:
    """Return the RGB pixels of an image file, as the usual loaders of these datasets give them.

    Grey, palette and CMYK images are converted, transparency is dropped, 16 bits are reduced to the
    upper 8, and an animation to its first frame. EXIF rotations are not applied: torchvision's and
    open_clip's loaders, which gave the published accuracies, apply none either.

    Raises
    ------
    InputError
        The file `name` is truncated, damaged, not an image in a supported format, or has more
        pixels than Pillow's limit of 89 million.
    """
    from PIL import Image, ImageFile

    ImageFile.LOAD_TRUNCATED_IMAGES = False
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    # Damaged EXIF data is common in photographs, and none of it is used.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.format == "PNG":
                # This checks every chunk's checksum and the end mark, which decoding does not.
                image.verify()
                if _PNG_END not in data:
                    raise ValueError("the PNG has no end mark")
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            return _rgb(image)
    except Exception as error:  # Pillow raises any exception, depending on the damage
        raise InputError(
            f"{name}: expected a whole image, got a broken one ({error}); replace it"
        ) from error


def _rgb(image: Any) -> np.ndarray:
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow's own conversion clips at 255
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
    if "transparency" in image.info:
        image = image.convert("RGBA")
    # A copy, since Pillow's own memory is read-only.
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))
